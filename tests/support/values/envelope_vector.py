"""Known-good values of the centre's envelope: made-up keys, published by another implementation of the protocol."""

from typing import Any

APP_ID = "43AF047BBA47FC8A1AE8EFB232BDBBCB"
APP_SECRET = "4117E877F5FA0A0188891283E4B617D5"
SM4_KEY = b"863B5F40C70B71EA"

DATA: dict[str, Any] = {
    "emptyString": "",
    "nullValue": None,
    "emptyDict": {},
    "emptyList": [],
    "nested": {"b": 2, "a": 1, "deep": {"z": "", "y": [1, "", None, {"k": "值"}]}},
    "boolTrue": True,
    "boolFalse": False,
    "number": 123,
    "chinese": "高平市人民医院",
}
PAYLOAD: dict[str, Any] = {
    "appId": APP_ID,
    "data": DATA,
    "extra": "should-be-excluded",
    "encType": "SM4",
    "signType": "SM2",
    "timestamp": "20260903000000",
    "version": "2.0.1",
}
CLEANED_DATA_JSON = (
    '{"boolFalse":false,"boolTrue":true,"chinese":"高平市人民医院",'
    '"nested":{"a":1,"b":2,"deep":{"y":[1,{"k":"值"}]}},"number":123}'
)
SIGN_STRING = (
    f"appId={APP_ID}&data={CLEANED_DATA_JSON}&encType=SM4&signType=SM2&timestamp=20260903000000&version=2.0.1"
    f"&key={APP_SECRET}"
)
ENC_DATA = (
    "F8B6D0EE9B2BBD4C15FB93D134536C51F1D611E1709EBBD7C55DA0E66CA8CA15799897233519F644B0B887A3499BDE42"
    "342F95ACA31A7481661752DA66259506A807ACB78800CDE6128D813451AE8B120567A9454E19C20859172CB3EC677B2B"
    "3EF8062D261F382FA553D13C9336C0F23190EEC5C8A5CB0298B03C37A37B173788D1656BDA4A973DCC3B4154158592C7"
)

"""The demo's patients and what they order."""

ZHANG = {"PATIENT_ID": "100001", "ID_NO": "110101199003070134", "PATIENT_NAME": "张三"}
LI = {"PATIENT_ID": "100002", "ID_NO": "11010119900307109X", "PATIENT_NAME": "李四"}


def order_of(med_org_ord: str, patient: dict[str, str], **fields: str) -> dict[str, str]:
    """A call of interface 1."""
    return {
        **patient,
        **fields,
        "medOrgOrd": med_org_ord,
        "payAuthNo": f"auth-{med_org_ord}",
        "uldLatlnt": "116.397,39.908",
        "CHANNEL": "WeChat",
    }


def confirmation(order: dict[str, str], pay_ord_id: str) -> dict[str, str]:
    """The call of interface 2 for it."""
    repeated_fields = {"medOrgOrd", "PATIENT_ID", "CHANNEL", "VISIT_ID"}
    return {**{key: order[key] for key in order.keys() & repeated_fields}, "payOrdId": pay_ord_id}

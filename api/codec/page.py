"""The sign-in page that lets a browser decode payloads. Rendered here, without scripts."""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from fastapi.responses import HTMLResponse

from api.access.keys import Caller
from api.codec.session import PATH, SESSION_S

SIGN_IN = f"{PATH}/login"
SIGN_OUT = f"{PATH}/logout"
_STYLE = """
body{font:16px/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.3rem}input,button{font:inherit;padding:.4rem .7rem;border:1px solid #8a929c;border-radius:.3rem}
input{width:24rem;max-width:100%;box-sizing:border-box}button{background:#1b4f8f;border-color:#1b4f8f;color:#fff}
code{background:#eef1f4;padding:.1rem .3rem;border-radius:.2rem}.refused{color:#a3160f}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    # With no-referrer a browser would post the form with `Origin: null`, which `_check_origin` refuses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Places:
    """`codec`: the address of this service to enter in the UI. `ui`: the Temporal UI's own."""

    codec: str
    ui: str


def asking(complaint: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """The page that asks for a key."""
    refused = f'<p class="refused" role="alert">{escape(complaint)}</p>' if complaint else ""
    return _page(
        f"""<p>Temporal UI 中的支付内容是加密的。输入 auditor 或 operator 角色的访问密钥,
此浏览器可在{SESSION_S // 60}分钟内查看; 每次解密都记入访问日志。</p>{refused}
<form method="post" action="{SIGN_IN}"><p><label>访问密钥<br>
<input name="key" type="password" autocomplete="off" required autofocus></label></p><button>登录</button></form>""",
        status,
    )


def signed_in(caller: Caller, places: Places) -> HTMLResponse:
    """The page that explains the one-time set-up of the Temporal UI in this browser."""
    who = f"{caller.hospital.id} / {caller.key_name} ({caller.role.value})"
    ui = escape(places.ui)
    return _page(
        f"""<p>已登录: {escape(who)}。在 <a href="{ui}">Temporal UI</a> 中 (每个浏览器只需设置一次):</p>
<ol><li>点右上角的眼镜图标 (<b>Codec Server</b>);</li>
<li>选 <b>Use my browser setting</b>, 地址填 <code>{escape(places.codec)}</code>, 打开
<b>Include cross-origin credentials</b>, 点 <b>Apply</b>, 再刷新页面。</li></ol>
<p>请用 <code>{ui}</code> 这个地址打开 UI: 其他地址的页面不能解密。</p>
<form method="post" action="{SIGN_OUT}"><button>退出</button></form>"""
    )


def _page(body: str, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    text = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>medpay 解密登录</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>medpay 解密登录</h1>{body}</body></html>"
    )
    return HTMLResponse(text, status_code=status, headers=_HEADERS)

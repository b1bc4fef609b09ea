"""What each role may do. Every route under /api/v1 names the right that it needs (`api.access.gate`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

from hospitals import Role


class Right(StrEnum):
    LOOK = auto()
    PAY = auto()
    WITHDRAW = auto()
    REFUND = auto()
    RECHECK = auto()
    REVIEW = auto()
    PROPOSE = auto()
    APPROVE = auto()
    MEASURE = auto()
    DECODE = auto()


@dataclass(frozen=True)
class Rule:
    """`refusal`: the Chinese message for a key without the right."""

    roles: frozenset[Role]
    refusal: str


_PEOPLE = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})

RULES: Mapping[Right, Rule] = {
    Right.LOOK: Rule(frozenset(Role), "该访问密钥无权查询"),
    Right.PAY: Rule(frozenset({Role.CALLER}), "该访问密钥无权调用支付接口"),
    Right.WITHDRAW: Rule(frozenset({Role.CALLER, Role.OPERATOR}), "该访问密钥无权取消支付"),
    Right.REFUND: Rule(frozenset({Role.CALLER, Role.OPERATOR}), "该访问密钥无权退费"),
    Right.RECHECK: Rule(frozenset({Role.OPERATOR, Role.APPROVER}), "该访问密钥无权要求核实支付"),
    Right.REVIEW: Rule(_PEOPLE, "该访问密钥无权查看人工核查"),
    Right.PROPOSE: Rule(frozenset({Role.OPERATOR, Role.APPROVER}), "该访问密钥无权提议核查操作"),
    Right.APPROVE: Rule(frozenset({Role.APPROVER}), "该访问密钥无权复核核查操作"),
    Right.MEASURE: Rule(_PEOPLE, "该访问密钥无权查看运行指标"),
    Right.DECODE: Rule(frozenset({Role.AUDITOR, Role.OPERATOR}), "该访问密钥无权解密, 需要auditor或operator角色"),
}

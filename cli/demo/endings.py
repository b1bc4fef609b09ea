"""The payments that end by themselves: nobody calls, nobody pays, or somebody orders the same bill again."""

from cli.demo.checks import Findings, ended_as, settled_everywhere
from cli.demo.client import DemoClient
from cli.demo.orders import LI, ZHANG, order_of

SHORT = {"payment_window_s": 6, "auto_finish_after_s": 2}
"""Seconds. The demo's payment window, and how long it waits for interface 2: 30 and 5 minutes would be long."""


async def auto_finish(client: DemoClient, found: Findings) -> None:
    """The patient pays, the centre says so by 6302, and interface 2 is never called."""
    order = order_of(found.med_org_ord, LI, CATEGORY="1", CLINIC_ID="200002", TOTAL="50.00")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    await client.patient_pays(quoted.get("payOrdId", "?"), notify=True)
    await client.until_state(found.med_org_ord, found.expected)
    await settled_everywhere(client, found)
    visits = await client.his_registrations(found.med_org_ord)
    found.expect("registered by us, nobody called interface 2", len(visits), 1)


async def superseded(client: DemoClient, found: Findings) -> None:
    """The patient leaves the page and comes back: the same bill under a new number."""
    order = order_of(found.med_org_ord, ZHANG, CATEGORY="2", ORDER_ID="900500", TOTAL="5.01", VISIT_ID="V1")
    quoted = found.accepted("pre-settle", await client.pre_settle(order))
    found.split(quoted)
    newer = {**order, "medOrgOrd": f"{found.med_org_ord}-newer", "payAuthNo": "auth-newer"}
    found.accepted("the newer one", await client.pre_settle(newer))
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("revoked at the centre (6401)", [order["ordStas"] for order in orders], [12])
    orders = await client.centre_orders(newer["medOrgOrd"])
    found.expect("the newer one may be paid", [order["ordStas"] for order in orders], [1])


async def expiry(client: DemoClient, found: Findings) -> None:
    """Nobody pays."""
    order = order_of(found.med_org_ord, LI, CATEGORY="2", ORDER_ID="900600", TOTAL="6.01", VISIT_ID="V2")
    found.split(found.accepted("pre-settle", await client.pre_settle(order)))
    await client.until_state(found.med_org_ord, found.expected)
    await ended_as(client, found)
    orders = await client.centre_orders(found.med_org_ord)
    found.expect("asked, then revoked at the centre", [order["ordStas"] for order in orders], [12])

"""POST /api/v1/bed-reports from outside: what is accepted, what is refused and how precisely, and what then holds."""

from tests.realtime_api.house import House

REA = "310000001/rea-adulte"


async def test_a_report_is_applied_before_it_is_answered(house: House) -> None:
    answer = await house.report("ward", {"ward": REA, "status": "02", "count": 3})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["ward"], told["status"], told["outcome"]) == (REA, "02", "applied")
    assert (await house.picture())["wards"][REA]["available"] == 3
    assert (await house.http.get(told["links"]["self"], headers=house.bearer("ward"))).json()["outcome"] == "applied"

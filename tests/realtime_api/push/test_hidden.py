"""What a view hides changes nothing that its readers are sent: not a frame, not a key, not a total."""

from tests.realtime_api.house import House

REA, MED = "310000001/rea-adulte", "310000001/medecine"


async def test_a_change_of_what_is_hidden_is_not_told_at_all(house: House) -> None:
    """Neither a frame with what was there before, nor a total that is there since, nor that it may have changed."""
    await house.report("crisis", {"ward": REA, "status": "02", "count": 3})
    before = await house.picture("physician")
    async with house.socket("physician") as socket:
        token = (await socket.subscribe())["token"]
        await house.report("crisis", [{"ward": ward, "status": "05", "count": 2} for ward in (REA, MED)])
        await house.report("crisis", [{"ward": ward, "status": "03", "count": 2} for ward in (REA, MED)])
        after = await house.picture("physician")
        assert (after["wards"], after["totals"]) == (before["wards"], before["totals"])
        await house.report("crisis", {"ward": "310000002/medecine", "status": "02", "count": 1})
        told = (await socket.hear_a("changes"))["changes"]
        assert set(told["wards"]) == {"310000002/medecine"}
        assert {key.rpartition("/")[2] for key in told["totals"]} == {"medecine"}
        assert "facility/310000001/medecine" not in told["totals"]
    for forgotten in (False, True):
        if forgotten:
            house.rooms.hubs["ici"]._seen.clear()
        async with house.socket("physician") as socket:
            back = (await socket.subscribe(since=token))["changes"]
            assert set(back["wards"]) == {"310000002/medecine"}
            assert {key.rpartition("/")[2] for key in back["totals"]} == {"medecine"}

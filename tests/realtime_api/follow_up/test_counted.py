"""What anybody reads of followed patients in the metrics: that something is sent, never what, nor of how few."""

import re

from realtime_api.app import now
from streams.followup import Followup
from streams.measures import Measures
from tests.realtime_api.follow_up.test_link_doors import answer
from tests.realtime_api.followed import DOCTOR, RED, STAFF, FollowedHouse


async def test_the_metrics_of_the_api_tell_no_kind_of_act_and_no_reason(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    await answer(home, link, RED, slot)
    for act in ({"act": "pause", "reason": "x"}, {"act": "resume"}, {"act": "resume"}):
        await home.post(f"/regions/ici/patients/{patient}/acts", act, DOCTOR)
    await home.post("/regions/ici/sittings/310000002", {"rows": []}, STAFF)
    await home.post("/answer/code", {"link": link})
    await home.post("/answer/stop", {"link": link})
    text = (await home.http.get("/metrics")).text
    counted = re.findall(r'vigilits_acts_total{act="([^"]*)",outcome="([^"]*)"} ([0-9.]+)', text)
    assert {act for act, _, _ in counted} == {"follow-up"}
    assert {outcome for _, outcome, _ in counted} <= {"applied", "pending", "refused"}
    assert sum(float(count) for _, _, count in counted) == 6


async def test_the_metrics_of_a_worker_count_patients_in_tens(home: FollowedHouse) -> None:
    for _ in range(2):
        await home.enrol()
    for shard in home.patients.values():
        measures = Measures()
        Followup(home.keys).measure(shard.name, shard.memory, measures, now())
        assert measures.patients.labels(shard.name)._value.get() in (0, 10)
        assert measures.charts_open.labels(shard.name)._value.get() in (0, 10)
        assert measures.patients.labels(shard.name)._value.get() >= len(shard.memory.patients)

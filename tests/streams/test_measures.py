"""What a worker counts."""

from prometheus_client import generate_latest

from domain.alerts.holding import NoticesState
from domain.alerts.notice import Worth
from domain.alerts.worth import gains
from streams.measures import Measures
from streams.notices import Notices


def test_what_became_of_alerts_is_counted_by_how_much_it_grew() -> None:
    measures = Measures()
    was = Worth(raised=3, taken=1, took_s=(40.0,), acted=1)
    now = Worth(raised=4, taken=3, took_s=(40.0, 61.0, 3_601.0), acted=0, wrong=1)
    measures.gained("ici", gains({"plein/2026-11-22": now, "vide/2026-08-01": None}, {"plein/2026-11-22": was}))
    told = generate_latest(measures.registry).decode()
    assert 'vigilits_alerts_total{region="ici",rule="plein",what="raised"} 1.0' in told
    assert 'vigilits_alerts_total{region="ici",rule="plein",what="wrong"} 1.0' in told
    assert 'what="acted"' not in told, "what was taken back is no count"
    assert 'vigilits_alert_taken_seconds_bucket{le="300.0",region="ici",rule="plein"} 1.0' in told
    assert 'vigilits_alert_taken_seconds_bucket{le="+Inf",region="ici",rule="plein"} 2.0' in told
    assert 'rule="vide"' not in told


def test_of_patients_alerts_nothing_is_counted() -> None:
    measures = Measures()
    now = {"patient/2026-11-22": Worth(raised=1, taken=1, took_s=(40.0,)), "ehpad-cluster/2026-11-22": Worth(raised=1)}
    measures.gained("ici", gains(now, {}))
    told = generate_latest(measures.registry).decode()
    assert 'rule="patient"' not in told
    assert 'vigilits_alerts_total{region="ici",rule="ehpad-cluster",what="raised"} 1.0' in told


def test_the_erased_are_counted_in_tens() -> None:
    measures, shown = Measures(), []
    for number in (1, 1, 8, 1, 25):
        measures.erased("followup:ici:0", number)
        told = generate_latest(measures.registry).decode()
        shown += [line.rpartition(" ")[2] for line in told.splitlines() if line.startswith("vigilits_patients_erased")]
    assert shown == ["10.0", "10.0", "10.0", "20.0", "40.0"]


def test_words_that_the_app_had_no_room_for_are_counted() -> None:
    measures = Measures()
    Notices().measure("notices:ici", NoticesState(left_off={"480000": 2, "480001": 5}), measures, 0)
    assert 'vigilits_words_left_off{shard="notices:ici"} 7.0' in generate_latest(measures.registry).decode()


def test_nothing_more_is_told_of_a_shard_that_another_worker_has() -> None:
    measures = Measures()
    for shard, region in (("capacity:ici", "ici"), ("capacity:la", "la")):
        measures.committed(shard, 3, 7, 0.01)
        measures.shard_ready.labels(shard).set(1)
        for kind in ("rea", "ssr"):
            measures.oldest_figure.labels(region, kind).set(5)
    measures.forget("capacity:ici")
    measures.forget("capacity:ici")
    told = generate_latest(measures.registry).decode()
    assert 'vigilits_events_folded_total{shard="capacity:ici"} 3.0' in told, "what was counted stays counted"
    assert 'vigilits_position{shard="capacity:ici"}' not in told
    assert 'region="ici"' not in told
    assert 'vigilits_position{shard="capacity:la"} 7.0' in told
    assert told.count('region="la"') == 2

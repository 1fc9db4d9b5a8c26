"""What a worker counts."""

from prometheus_client import generate_latest

from streams.measures import Measures


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

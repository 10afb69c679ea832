"""The numbers of `kizuna notify` as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from stream.engine.status import StatusServer
from stream.metrics import METRICS
from stream.notify.counts import DECLARED, Counts


def test_every_declared_number_is_exposed_under_a_name_of_its_own() -> None:
    """Kinds, labels and meanings as declared; no name that a worker has too, since both may be scraped."""
    counts = Counts("1.2.3")
    counts.notifications["crm", "delivered"] += 2
    counts.open["critical"] = 3
    counts.lag_records = {"alerts": 4}
    counts.unreadable["alerts"] += 1
    for by_sink in (counts.waiting, counts.failures):
        by_sink["crm"] = 1
    counts.oldest_s["crm"] = 1.5
    status = StatusServer(counts, "127.0.0.1", 0)
    text = status.answer("/metrics")[2].decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) == {declared.name for declared in DECLARED}
    assert not set(families) & {declared.name for declared in METRICS}
    for declared in DECLARED:
        family = families[declared.name]
        assert (family.type, family.documentation) == (declared.kind, declared.meaning)
        for sample in family.samples:
            assert set(sample.labels) == set(declared.labels), declared.name
    assert 'kizuna_notifications_total{outcome="delivered",sink="crm"} 2.0' in text
    assert status.answer("/readyz")[0] == 503
    counts.ready = True
    assert status.answer("/readyz")[0] == 200

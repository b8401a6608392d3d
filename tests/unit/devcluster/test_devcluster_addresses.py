"""The address plan: blocks never overlap, and the first cluster has the documented addresses."""

import ipaddress
from itertools import combinations

import pytest

from pawl_devcluster.addresses import CLUSTERS, AddressPlan, first_free
from pawl_devcluster.errors import DevclusterError


def test_first_cluster_has_the_documented_addresses() -> None:
    plan = AddressPlan(0)
    assert (plan.lan, plan.host_ip) == ("10.250.0.0/24", "10.250.0.1")
    assert (plan.pods, plan.services) == ("10.244.0.0/21", "10.96.0.0/21")
    assert (plan.api_service_ip, plan.dns_ip) == ("10.96.0.1", "10.96.0.10")
    assert (plan.node(0).name, plan.node(0).ip, plan.node(0).pods) == ("n1", "10.250.0.2", "10.244.0.0/24")
    assert (plan.node(1).name, plan.node(1).ip, plan.node(1).gpu) == ("g1", "10.250.0.3", True)


def test_no_two_ranges_of_any_clusters_overlap() -> None:
    plans = [AddressPlan(i) for i in range(CLUSTERS)]
    ranges = [ipaddress.ip_network(r) for p in plans for r in (p.lan, p.pods, p.services)]
    assert not [(a, b) for a, b in combinations(ranges, 2) if a.overlaps(b)]


def test_pods_of_nodes_and_of_fake_nodes_are_apart_and_inside_the_block() -> None:
    plan = AddressPlan(5)
    parts = [ipaddress.ip_network(plan.node(i).pods) for i in range(7)] + [ipaddress.ip_network(plan.fake_pods)]
    assert len(set(parts)) == 8
    assert all(part.subnet_of(ipaddress.ip_network(plan.pods)) for part in parts)  # type: ignore[arg-type]


def test_the_lowest_free_block_is_taken() -> None:
    assert first_free([]).index == 0
    assert first_free([0, 1, 3]).index == 2


def test_a_full_machine_and_too_many_nodes_are_refused_with_a_remedy() -> None:
    with pytest.raises(DevclusterError, match="take one down"):
        first_free(range(CLUSTERS))
    with pytest.raises(DevclusterError, match="at most 7"):
        AddressPlan(0).node(7)

"""The whole process beside an API server that changes, breaks off, forgets, falls silent and goes away."""

import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

from assigner_objects import assigning, assignment
from assigner_process import AssignerProcess, assigner_process
from fake_watch import FakeWatch, watched
from polling import wait_until

from pawl.assignment import fine_bucket

WAIT = 60
USERS = [f"user-{number}" for number in range(200)]


def cluster(*more: object) -> FakeWatch:
    kube = FakeWatch()
    kube.put(assigning(assigned=assignment()))
    for item in more:
        kube.put(item)  # type: ignore[arg-type]
    return kube


def reaches(assigner: AssignerProcess, wanted: dict[str, int]) -> None:
    wait_until(lambda: assigner.generations() == wanted, WAIT, lambda: assigner.log.read_text())


def wanted(user: str, treatment: int = 5000) -> str:
    return f"0a1b2c3d-{'treatment' if fine_bucket(user, assignment()['key']) < treatment else 'control'}"


def test_users_get_the_arm_that_is_computed_offline_and_changes_arrive(tmp_path: Path) -> None:
    kube = cluster(assigning("shop", "web"))
    with watched(kube) as api, assigner_process(api, tmp_path) as assigner:
        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        assert assigner.get("/v1/assignments").json()["synced"] is True
        assert assigner.generations() == {"demo/chat": 1}
        assert {user: assigner.variant(user) for user in USERS} == {user: wanted(user) for user in USERS}
        kube.put(assigning(assigned=assignment(generation=2, treatment=7500)))
        reaches(assigner, {"demo/chat": 2})
        assert {user: assigner.variant(user) for user in USERS} == {user: wanted(user, 7500) for user in USERS}
        kube.put(assigning("shop", "web", assigned=assignment(generation=4)))
        reaches(assigner, {"demo/chat": 2, "shop/web": 4})
        kube.put(assigning())
        reaches(assigner, {"shop/web": 4})
        assert assigner.variant(USERS[0]) is None
        kube.remove(assigning("shop", "web"))
        reaches(assigner, {})
        assert kube.lists == 1
        assert assigner.metric('pawl_assigner_checks_total{outcome="assigned"}') == 400
        assert assigner.metric('pawl_assigner_checks_total{outcome="no_experiment"}') == 1
        assert set(kube.tokens) == {"Bearer token"}
    assert assigner.process.returncode == 0


def test_any_method_path_and_body_is_answered_200_and_the_user_named_nowhere(tmp_path: Path) -> None:
    with watched(cluster()) as api, assigner_process(api, tmp_path, {"PAWL_LOG_LEVEL": "debug"}) as assigner:
        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            for path in ("", "/", "/v2/models/facts/infer?a=b&c=%2f", "/a%00b/%e2%9c%93/..;/x", "/" + "a" * 8000):
                answer = assigner.check("user-1", path=path, method=method)
                assert (answer.status_code, answer.content) == (200, b""), (method, path)
                assert answer.headers["x-pawl-variant"] == wanted("user-1")
        host = urlsplit(assigner.address)
        connection = http.client.HTTPConnection(str(host.hostname), host.port, timeout=WAIT)
        for _ in range(3):
            # The bodies are not read, and the connection goes on behind them.
            connection.request("POST", "/check/demo/chat/ask", b"x" * 100_000, {"x-user-id": "user-1"})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        connection.close()
        assert assigner.check(None).headers.keys() == {"date", "content-length"}
        assert assigner.check("user-1", "demo/none").headers.keys() == {"date", "content-length"}
        assert assigner.check("ü").headers["x-pawl-variant"] == wanted("ü")
        assert assigner.check(b"\xff\xfe").headers.keys() == {"date", "content-length"}
        with socket.create_connection((str(host.hostname), host.port or 0)) as raw:
            raw.sendall(b"GET user-1 HTTP/9.9\r\nx-user-id: user-1\r\n\r\n")
            raw.recv(1000)
        assert "user-1" not in assigner.get("/metrics").text
    assert "user-1" not in assigner.log.read_text()


def test_it_is_ready_once_it_knows_all_and_stays_so_while_the_api_server_is_away(tmp_path: Path) -> None:
    kube = cluster()
    kube.down = True
    with watched(kube) as api, assigner_process(api, tmp_path) as assigner:
        wait_until(lambda: "listing anew" in assigner.log.read_text(), WAIT)
        assert assigner.get("/readyz").status_code == 503
        assert "rollouts: not all Rollouts have been listed yet" in assigner.get("/readyz").json()["detail"]
        assert assigner.get("/livez").status_code == 200
        assert assigner.get("/v1/assignments").json() == {"assignments": [], "synced": False}
        # Whoever asks all the same gets an answer: stable.
        assert assigner.check("user-1").status_code == 200
        kube.down, kube.hold = False, 0.5
        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        kube.down = True
        kube.send(None)
        wait_until(lambda: assigner.log.read_text().count("listing anew") > 3, WAIT)
        assert assigner.ready()
        assert assigner.variant("user-1") == wanted("user-1")
        kube.put(assigning(assigned=assignment(generation=2)))
        assert assigner.generations() == {"demo/chat": 1}
        kube.down = False
        reaches(assigner, {"demo/chat": 2})


def test_a_version_that_is_too_old_leads_to_a_new_list(tmp_path: Path) -> None:
    gone = assigning("shop", "web", assigned=assignment())
    kube = cluster(gone)
    with watched(kube) as api, assigner_process(api, tmp_path) as assigner:
        reaches(assigner, {"demo/chat": 1, "shop/web": 1})
        wait_until(lambda: kube.streams() == 1, WAIT)
        kube.forget(gone)
        kube.forgetful = True
        kube.send({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}})
        reaches(assigner, {"demo/chat": 1})
        wait_until(lambda: kube.watches >= 3, WAIT)
        assert kube.lists >= 2
        assert assigner.ready()
        kube.forgetful = False
        kube.put(assigning(assigned=assignment(generation=9)))
        reaches(assigner, {"demo/chat": 9})


BROKEN = {
    "broken off": b'{"type":"MODIFIED","object":{"meta',
    "no JSON": b"<html>oh</html>\n",
    "empty line": b"\n",
    "an error": b'{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n',
}


def test_a_broken_stream_costs_nothing_that_was_known(tmp_path: Path) -> None:
    kube = cluster()
    with watched(kube) as api, assigner_process(api, tmp_path) as assigner:
        for generation, (what, line) in enumerate(BROKEN.items(), start=2):
            wait_until(lambda: kube.streams() == 1, WAIT, assigner.log.read_text)
            lists = kube.lists
            kube.send(line)
            wait_until(lambda before=lists: kube.lists > before, WAIT, assigner.log.read_text)  # type: ignore[misc]
            assert assigner.variant("user-1") == wanted("user-1"), what
            kube.put(assigning(assigned=assignment(generation=generation)))
            reaches(assigner, {"demo/chat": generation})


def test_watches_that_end_or_fall_silent_are_followed_by_others(tmp_path: Path) -> None:
    kube = cluster()
    with watched(kube) as api, assigner_process(api, tmp_path, {"PAWL_WATCH_TIMEOUT": "1s"}) as assigner:
        reaches(assigner, {"demo/chat": 1})
        wait_until(lambda: kube.watches >= 3, WAIT)
        kube.put(assigning(assigned=assignment(generation=2)))
        reaches(assigner, {"demo/chat": 2})
        assert kube.lists == 1
        assert assigner.metric("pawl_assigner_synced_age_seconds") < WAIT
        kube.mute = True
        kube.send(None)
        wait_until(lambda: kube.streams() == 1, WAIT)
        kube.put(assigning(assigned=assignment(generation=3)))
        reaches(assigner, {"demo/chat": 3})
        assert "ReadTimeout" in assigner.log.read_text()
        assert assigner.get("/livez").status_code == 200


def test_rollouts_come_in_pages_from_the_namespaces_named_and_one_that_is_broken_stops_no_other(tmp_path: Path) -> None:
    rollouts = [assigning(name=f"r{number:03}", assigned=assignment()) for number in range(120)]
    rollouts[7]["status"]["traffic"]["assignment"]["ranges"][0]["end"] = 20_000
    kube = cluster(*rollouts, assigning("shop", assigned=assignment()), assigning("other", assigned=assignment()))
    settings = {"PAWL_NAMESPACES": "demo, shop"}
    with watched(kube) as api, assigner_process(api, tmp_path, settings) as assigner:
        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        known = assigner.generations()
        assert len(known) == 121
        assert "shop/chat" in known
        assert not {"demo/r007", "other/chat"} & known.keys()
        assert assigner.variant("user-1", "demo/r007") is None
        assert assigner.variant("user-1", "demo/r119") == wanted("user-1")
        labels = '{object="r007",object_namespace="demo"}'
        assert assigner.metric(f"pawl_assigner_unreadable{labels}") == 1
        assert "ranges[0].end is 20000" in assigner.log.read_text()


def test_while_it_drains_checks_are_answered_and_connections_close(tmp_path: Path) -> None:
    with watched(cluster()) as api, assigner_process(api, tmp_path, {"PAWL_DRAIN_SECONDS": "3"}) as assigner:
        wait_until(assigner.ready, WAIT, assigner.log.read_text)
        assigner.terminate()
        wait_until(lambda: not assigner.ready(), WAIT)
        answer = assigner.check("user-1")
        assert (answer.headers["x-pawl-variant"], answer.headers["connection"]) == (wanted("user-1"), "close")
        assert assigner.process.wait(WAIT) == 0

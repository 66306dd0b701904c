"""A forked kernel is what a fresh one is, and ends when it should."""

import json
import os
import signal
import sys
import time
from contextlib import ExitStack

import pytest
from jupyter_client.manager import start_new_kernel

from courseware.lessons.forked import kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks need Linux")
FACTS = """
import json, os, sys
fd = [os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in range(3)]
print(json.dumps(dict(folder=os.getcwd(), path=sys.path, main=__name__, word=os.environ.get("WORD"),
    names=sorted(set(globals()) - {"fd"}), stdin=fd[0], arguments=sys.argv[1])))
"""
NUMBERS = "import numpy, random, torch\n"
NUMBERS += "print(numpy.random.rand(), random.random(), torch.rand(1).item())"


@pytest.fixture(scope="module")
def context():
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def name(context):
    return context.enter_context(kernels({"WORD": "here", "OMP_NUM_THREADS": "1"}))


@pytest.fixture
def start(tmp_path):
    """`start(name)` is a manager and `run(code)`, the text that the code prints."""
    running = []

    def begin(name):
        manager, client = start_new_kernel(kernel_name=name, cwd=str(tmp_path))
        running.append((manager, client))

        def run(code, timeout=60):
            printed = []

            def hear(message):
                content = message["content"]
                printed.append(content.get("text") or content.get("ename") or "")

            client.execute_interactive(code, timeout=timeout, output_hook=hear)
            return "".join(printed)

        return manager, run

    yield begin
    for manager, client in running:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_is_like_a_fresh_kernel(name, start):
    forked, fresh = (json.loads(start(kind)[1](FACTS)) for kind in (name, "python3"))
    assert forked == fresh and forked["word"] == "here"


def test_forks_share_nothing(name, start):
    (_, one), (_, other) = start(name), start(name)
    one("import courseware\ncourseware.spoiled = leak = 1")
    assert "NameError" in other("leak")
    assert "AttributeError" in other("import courseware\ncourseware.spoiled")
    assert not set(one(NUMBERS).split()) & set(other(NUMBERS).split())


def test_is_interrupted(name, start):
    manager, run = start(name)
    run("import time")
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=20)
    asked = client.execute("time.sleep(60)")
    time.sleep(0.5)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=20)
    while reply["parent_header"].get("msg_id") != asked:
        reply = client.get_shell_msg(timeout=20)
    client.stop_channels()
    assert reply["content"]["ename"] == "KeyboardInterrupt"


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(process: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(process)


def test_fork_ends_with_the_process_that_asked(name, start):
    manager, run = start(name)
    fork = int(run("import os\nprint(os.getpid())"))
    assert alive(fork) and fork != manager.provisioner.pid
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    assert ends(fork)


def test_asking_process_ends_with_the_fork(name, start):
    manager, run = start(name)
    os.kill(int(run("import os\nprint(os.getpid())")), signal.SIGKILL)
    assert ends(manager.provisioner.pid)


def test_all_ends_with_the_context(name, start, context):
    _, run = start(name)
    fork, parent = map(int, run("import os\nprint(os.getpid(), os.getppid())").split())
    # Threads do not survive a fork: what they hold would stay locked.
    assert len(os.listdir(f"/proc/{parent}/task")) == 1
    assert os.environ["WORD"] == "here"
    context.close()
    assert ends(parent) and ends(fork)
    assert "WORD" not in os.environ

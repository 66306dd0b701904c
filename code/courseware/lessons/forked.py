"""Kernels that start at once: forks of one process that has imported what every lesson imports.

Importing torch, plotly and the front ends takes a kernel some seconds, a fork some milliseconds,
and each fork is as fresh as the first: nothing of a lesson runs in the process they come from.

    with kernels(environment) as name:
        NotebookClient(notebook, kernel_name=name)

To Jupyter a kernel is the process it started. That one is this file, run as a script: it asks for
a fork, passes interrupts on, and ends when the fork ends; the fork ends when it is killed.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

COMMON = (
    "ipykernel.kernelapp",
    "ipywidgets",
    "plotly.graph_objects",
    "plotly.subplots",
    "torch",
    "torch._dynamo",  # an optimiser's first step imports it
    "courseware.exercises",
    "courseware.explorers.live",
    "courseware.explorers.page",
    "courseware.quizzes.live",
    "courseware.quizzes.page",
    "courseware.worksheets.live",
    "transformer_math.attention",
    "transformer_math.evaluation",
    "transformer_math.learning",
    "transformer_math.networks",
    "transformer_math.transformer.model",
)
MOST_BYTES = 1_000_000  # of a request: a folder, arguments, an environment


@contextmanager
def kernels(environment: dict[str, str], forked: bool = True):
    """The name of a kernel that is forked, known to Jupyter while the context lasts.

    `environment` is set for the process the forks come from and, here, for as long. With `forked`
    off, for too few kernels to be worth it, and where a process with torch in it cannot be forked
    safely (all but Linux), the name is that of the usual kernel.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="kernels-") as folder:
        ours = environment | {"JUPYTER_PATH": _first(folder, os.environ.get("JUPYTER_PATH"))}
        before = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            if forked and sys.platform == "linux":
                with _parent(f"{folder}/socket"):
                    _write_spec(folder)
                    yield "forked"
            else:
                yield "python3"
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _first(folder: str, others: str | None) -> str:
    return os.pathsep.join(filter(None, [folder, others]))


def _write_spec(folder: str) -> None:
    # -S and -E: what only passes messages needs no packages.
    argv = [sys.executable, "-S", "-E", __file__, f"{folder}/socket"]
    argv += ["-f", "{connection_file}"]
    os.makedirs(f"{folder}/kernels/forked")
    with open(f"{folder}/kernels/forked/kernel.json", "w", encoding="utf-8") as file:
        json.dump({"argv": argv, "display_name": "Python 3, forked", "language": "python"}, file)


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # sent at once, arrives at once


@contextmanager
def _parent(address: str):
    """The process that imports and forks; it listens at once and ends when its input does."""
    listener = _socket()
    listener.bind(address)
    listener.listen()
    process = subprocess.Popen(
        [sys.executable, "-m", "courseware.lessons.forked", str(listener.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        start_new_session=True,  # Ctrl-C is for whoever waits for the kernels
    )
    listener.close()
    try:
        yield
    finally:
        process.stdin.close()
        process.wait()


def serve(listener: socket.socket) -> None:
    """Import, then fork a kernel for every request, until standard input ends."""
    from importlib import import_module

    for name in COMMON:
        import_module(name)
    _draw_once()
    # `python -m` put the folder it was started in before all others; a kernel has its own.
    del sys.path[0]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _become_kernel(connection)
        connection.close()


def _draw_once() -> None:
    """The first figure of a process costs plotly what all later ones have for nothing."""
    import plotly.graph_objects as go

    go.Figure(go.Scatter(y=[0, 1])).update_layout(title="").to_plotly_json()


def _become_kernel(connection: socket.socket) -> None:
    """What `python -m ipykernel_launcher -f FILE` is, in the asking process's surroundings."""
    import numpy
    import torch
    from ipykernel.kernelapp import IPKernelApp

    request, streams, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    asked = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    numpy.random.seed()  # unseeded numbers differ from fork to fork
    torch.seed()
    connection.sendall(str(os.getpid()).encode())
    threading.Thread(target=_end_with, args=[connection], daemon=True).start()
    arguments = [*asked["arguments"], "--HistoryManager.hist_file=:memory:"]
    sys.argv = ["ipykernel_launcher.py", *arguments]
    try:
        IPKernelApp.launch_instance(argv=arguments, parent_handle=os.getppid())
    finally:
        os._exit(0)


def _end_with(connection: socket.socket) -> None:
    connection.recv(1)
    os._exit(0)


def ask(address: str, *arguments: str) -> None:
    """Be, to Jupyter, the kernel that is forked."""
    connection = _socket()
    connection.connect(address)
    asked = {
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "arguments": arguments,
    }
    socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
    fork = int(connection.recv(32))
    signal.signal(signal.SIGINT, lambda number, frame: os.kill(fork, number))
    connection.recv(1)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(socket.socket(fileno=int(sys.argv[1])))
    else:
        ask(*sys.argv[1:])

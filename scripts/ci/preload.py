"""Runs the AWS CLI without starting it anew for each command.

Python takes a second and a half of CPU to load the AWS CLI, and continuous integration has some hundreds of commands for
it. `serve SOCKET` loads it once, and has a copy of itself run each command that `run SOCKET AWS ARGUMENT...` hands over,
with that one's arguments, environment, folder and files. Where nobody serves, run starts AWS itself.

Serve is to be run by the Python that the AWS CLI is installed for.
"""

import json
import os
import signal
import socket
import sys
import threading

FILES = 3  # standard input, output and error


def serve(path):
    import awscli.clidriver

    awscli.clidriver.create_clidriver()  # loads what every command does
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # copies leave nothing behind
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection, awscli.clidriver.main)
            connection.close()


def answer(connection, main):
    """Runs one command, tells its exit status, and ends."""
    message, files, _, _ = socket.recv_fds(connection, 1, FILES)
    with connection.makefile("rb") as rest:
        command = json.loads((message + rest.readline()).decode())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(command["folder"])
    models = os.environ["AWS_DATA_PATH"]  # awscli found its own when it was loaded
    os.environ.clear()
    os.environ.update(command["environment"])
    os.environ["AWS_DATA_PATH"] = os.pathsep.join(filter(None, [models, command["environment"].get("AWS_DATA_PATH")]))
    sys.argv = ["aws", *command["arguments"]]
    threading.Thread(target=end_with, args=[connection], daemon=True).start()
    try:
        status = main()
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([status if isinstance(status, int) else 255 if status else 0]))
    os._exit(0)


def end_with(connection):
    """Ends the command once who wants it is gone."""
    if connection.recv(1) == b"":
        os._exit(1)


def run(path, real, arguments):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
        except OSError:
            os.execv(real, [real, *arguments])
        command = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}
        text = json.dumps(command).encode() + b"\n"
        socket.send_fds(connection, [text[:1]], range(FILES))
        connection.sendall(text[1:])
        status = connection.recv(1)
    sys.exit(status[0] if status else 255)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    run(sys.argv[2], sys.argv[3], sys.argv[4:])

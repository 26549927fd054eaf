#!/usr/bin/env python3
"""Clients that emad has to bear: clients.py NAME HOST:PORT|unix:PATH [WORD ...]. Ends with 0 if emad did as it should."""
import base64, fcntl, hashlib, json, os, re, resource, select, socket, ssl, struct, sys, time

PATIENCE = 120  # seconds; nothing is measured against them but that it ends

def connect(where, patience=PATIENCE):
    if where.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(patience)
        s.connect(where[5:])
        return s
    host, port = where.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=patience)

def rest(s):
    """What comes until the end."""
    data = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more

def statuses(data):
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]

def expect(what, is_so):
    if not is_so:
        sys.exit(what)

def ask(where, path="/nowhere"):
    s = connect(where)
    s.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
    got = statuses(rest(s))
    expect(f"no answer for a well-behaved client: {got}", got == [404])

def drip(s, text):
    """A byte now and then, until the other side has enough."""
    begun = time.monotonic()
    for byte in text:
        if time.monotonic() - begun > PATIENCE:
            sys.exit("it was borne for ever")
        try:
            s.sendall(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            return b""
        if select.select([s], [], [], 0.2)[0]:
            return rest(s)
    sys.exit("it was borne for ever")

def drip_line(where):
    drip(connect(where), b"GET /" + b"a" * 2000)
    ask(where)

def drip_header(where):
    s = connect(where)
    s.sendall(b"GET /nowhere HTTP/1.1\r\n")
    got = statuses(drip(s, b"X: " + b"a" * 2000))
    expect(f"no 408: {got}", got == [408])
    ask(where)

def drip_body(where):
    s = connect(where)
    s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n")
    got = statuses(drip(s, b"a" * 1990))
    expect(f"no 408: {got}", got == [408])
    ask(where)

def drip_chunks(where):
    s = connect(where)
    s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    got = statuses(drip(s, b"1\r\na\r\n" * 400))
    expect(f"no 408: {got}", got == [408])

def silent(where):
    expect("something was said to who says nothing", rest(connect(where)) == b"")
    s = connect(where)
    s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
    expect("an answer and then the end", statuses(rest(s)) == [404])

def silent_tls(where):
    """Neither a handshake that never begins nor one that stops half-way is waited for."""
    expect("something was said to who says nothing", rest(connect(where)) == b"")
    s = connect(where)
    s.sendall(b"\x16\x03\x01\x02\x00")
    expect("half a handshake", len(rest(s)) < 100)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    s = context.wrap_socket(connect(where))
    s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    try:
        expect("an answer to half a body", rest(s) == b"")
    except (ssl.SSLError, OSError):
        pass

def half(where):
    """Clients that go away at each point of a request."""
    text = b"POST /token?x HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\nabcde"
    for reset in (False, True):
        for end in range(0, len(text) + 1, 3):
            s = connect(where)
            if reset:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(text[:end])
            s.close()
    ask(where)

def big_header(where):
    s = connect(where)
    try:
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n")
        for _ in range(256):
            s.sendall(b"X-Filler: " + b"a" * 4084 + b"\r\n")
        s.sendall(b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    got = statuses(rest(s))
    expect(f"neither 431 nor the end: {got}", got in ([431], []))
    s = connect(where)
    s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 16384 + b"\r\n\r\n")
    got = statuses(rest(s))
    expect(f"not 431: {got}", got == [431])
    s = connect(where)
    s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 101 + b"\r\n")
    expect("not 431 for many", statuses(rest(s)) == [431])
    s = connect(where)
    s.sendall(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    expect("not 414", statuses(rest(s)) == [414])
    ask(where)

def pipelining(where):
    s = connect(where)
    one = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
    two = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    three = b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    s.sendall((one + two + three) * 20 + last)
    got = statuses(rest(s))
    expect(f"{len(got)} answers for 61 requests", got == [404] * 61)

def smuggling(where):
    """What two readers could end in two places: one answer, 400, and nothing of what stands behind is read as a request."""
    behind = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
    heads = [b"Content-Length: 3\r\nContent-Length: 3\r\n", b"Content-Length: 3\r\nContent-Length: 4\r\n",
             b"Content-Length: 3, 3\r\n", b"Content-Length: +3\r\n", b"Content-Length: -3\r\n", b"Content-Length: 0x3\r\n",
             b"Content-Length: 3 4\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: \r\n",
             b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
             b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
             b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: xchunked\r\n", b"Content-Length : 3\r\n",
             b"Transfer-Encoding : chunked\r\n", b"Host: b\r\n", b"X\x00Y: z\r\n", b"X y: z\r\n", b"\x0bX: z\r\n"]
    for method in (b"POST", b"GET"):
        for head in heads:
            s = connect(where)
            s.sendall(method + b" /token HTTP/1.1\r\nHost: a\r\n" + head + b"\r\nabc" + behind)
            data = rest(s)
            got = statuses(data)
            # libmicrohttpd 0.9.75 writes the header of a refusal of its own twice; the end comes behind it all the same.
            expect(f"{method} {head}: {got}", len(got) <= 2 and len(set(got)) <= 1 and set(got) <= {400, 413})
    for text in (b"POST /token HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + behind, b"GET /x HTTP/1.1\r\n\r\n" + behind):
        s = connect(where)
        s.sendall(text)
        got = statuses(rest(s))
        expect(f"{text}: {got}", got in ([400], [400, 400]))
    ask(where)

def big_body(where):
    for head, body in ((b"Content-Length: 70000\r\n", b"a" * 70000), (b"Transfer-Encoding: chunked\r\n", b"11170\r\n" + b"a" * 70000 + b"\r\n0\r\n\r\n"),
                       (b"Content-Length: 999999999999\r\n", b""), (b"Content-Length: 70000\r\nExpect: 100-continue\r\n", b"")):
        s = connect(where)
        s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n" + body)
        got = statuses(rest(s))
        expect(f"{head}: {got}", got == [413])
    for path in (b"/token", b"/x/decision/github"):
        s = connect(where)
        s.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n")
        data = rest(s)
        expect(f"{path}: {data}", (b'"jsonrpc":"2.0","id":null,"error":{"code":-32600' in data) == (path != b"/token"))
    s = connect(where)
    try:
        s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(4096):
            s.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        sys.exit("16 MiB were taken")
    except (BrokenPipeError, ConnectionResetError):
        pass
    ask(where)

def idle(where, pid, wanted, bytes_each):
    """Many that say nothing. Memory is bounded, others are served, and the longest idle makes room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(int(wanted), (hard if hard != resource.RLIM_INFINITY else 1 << 20) - 500)
    def memory():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) * 1024
    before, held = memory(), []
    for i in range(count):
        s = connect(where)
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHo"[: i % 26])
        held.append(s)
        if i % 1000 == 0:
            ask(where)
    ask(where)
    grown = memory() - before
    print(f"{count} connections, {grown} bytes more")
    expect(f"{count} idle connections took {grown} bytes", not int(bytes_each) or grown < count * int(bytes_each))
    for s in held:
        s.close()
    ask(where)

def evict(where, most):
    """More than limits.connections: the first of those that wait goes, the newest is served."""
    held = [connect(where) for _ in range(3 * int(most))]
    # Threads take connections out of turn when they are slow: one of the first, which make room for two times as many.
    closed = select.select(held[: int(most)], [], [], PATIENCE)[0]
    expect("none of the oldest was closed", closed and rest(closed[0]) == b"")
    ask(where)
    for s in held[-4:]:
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect("none of the newest was served", any(statuses(rest(s)) == [404] for s in held[-4:]))

def evict_asking(where, most):
    """Where nobody waits, who is longest within a request goes. One that is not read yet still counts as waiting, so that
    a busy machine needs more of them."""
    held, ended = [], False
    for i in range(400):
        s = connect(where)
        try:
            s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        held.append(s)
        if i < int(most):
            continue
        time.sleep(0.05)
        held[0].settimeout(0.05)
        try:
            ended = held[0].recv(1) == b""
        except ConnectionResetError:
            ended = True
        except TimeoutError:
            ended = False
        if ended:
            break
    expect("the oldest was not closed", ended)
    ask(where)

def crowd(where, pid, threads):
    """Connections that come at once are served by most of the threads: one that serves some has to wake for each round of requests."""
    def woken():
        counts = {}
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status") as status:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
            if fields["Name"].startswith("MHD"):
                counts[task] = int(fields["voluntary_ctxt_switches"])
        return counts
    held = [connect(where) for _ in range(2 * int(threads))]
    before = woken()
    for _ in range(50):
        for s in held:
            s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        for s in held:
            expect("a request was not answered", statuses(s.recv(65536)) == [404])
    busy = sum(count - before.get(task, 0) >= 10 for task, count in woken().items())
    expect(f"{busy} of {threads} threads served", busy > int(threads) // 2)

def held_up(where, held):
    """While a thread waits for a plugin, which makes a file then, connections that come are not dealt to it."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    token = part({"alg": "ES256", "typ": "at+jwt"}) + "." + part({"iss": "https://slow.example"}) + "." + "A" * 86
    slow = connect(where)
    slow.sendall(f"GET /decision/slow HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nX-Original-Method: GET\r\n"
                 "X-Original-URI: /slow\r\nConnection: close\r\n\r\n".encode())
    until = time.monotonic() + PATIENCE
    while not os.path.exists(held) and time.monotonic() < until and not select.select([slow], [], [], 0)[0]:
        time.sleep(0.01)
    expect("the plugin was not asked", os.path.exists(held))
    time.sleep(0.1)  # after a fiftieth of a second it counts as stuck
    others = []
    for _ in range(8):  # one after the other: while the free thread works it is as good as the one that is held
        others.append(connect(where))
        others[-1].sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        expect("a request was not answered", statuses(others[-1].recv(65536)) == [404])
    expect("the slow one was answered", not select.select([slow], [], [], 0)[0])
    os.unlink(held)
    expect("the slow one was not answered", statuses(rest(slow)))

def per_address(where, most):
    held = []
    for _ in range(int(most)):
        s = connect(where)
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        expect("one within the limit was not served", statuses(s.recv(65536)) == [404])
        held.append(s)
    expect("one more was served", rest(connect(where)) == b"")
    held.pop().close()
    for _ in range(PATIENCE * 10):
        s = connect(where)
        try:
            s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        if statuses(rest(s)) == [404]:
            return
        time.sleep(0.1)
    sys.exit("a place that became free is not")

def in_flight(where, pid):
    """Asked to end while a body is half there: the rest is read and answered."""
    s = connect(where)
    s.sendall(b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabcde")
    idler = connect(where)
    ask(where)
    os.kill(int(pid), 15)
    expect("who only waits was not sent away", rest(idler) == b"")
    s.sendall(b"fghij")
    data = rest(s)
    expect(f"no answer: {data}", statuses(data) == [404] and b"onnection: close" in data)

def refused(where):
    try:
        s = connect(where, 5)
    except (ConnectionRefusedError, FileNotFoundError):
        return
    expect("it is served", rest(s) == b"")

def activate(where, names, *command):
    """systemd's socket activation: binds, and becomes the command."""
    fds = []
    for one in where.split(","):
        if one.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.bind(one[5:])
        else:
            host, port = one.rsplit(":", 1)
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((host, int(port)))
        s.listen(64)
        fds.append(fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100))
    for i, fd in enumerate(fds):
        os.dup2(fd, 3 + i, inheritable=True)
    os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
    os.execvp(command[0], command)

def notified(path, out):
    """What systemd would be told, a line each, into a file."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    with open(out, "w", buffering=1) as file:
        while True:
            file.write(s.recv(4096).decode().replace("\n", " ") + "\n")

def free_port(_):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])

def admin(path, line):
    s = connect("unix:" + path)
    try:
        s.sendall(line.encode() + b"\n")
    except BrokenPipeError:
        pass
    sys.stdout.write(rest(s).decode())

def secrets(prefix, path):
    """What could give away the private key in the file: each private number as text, as numbers lie in memory, from either end, and what is
    computed of it to sign. A file each."""
    with open(path) as file:
        key = json.load(file)["key"]
    numbers = {}
    for name in "p", "q", "dp", "dq", "qi", "d":
        if name in key:
            numbers[name] = base64.urlsafe_b64decode(key[name] + "=" * (-len(key[name]) % 4))
    if key["kty"] == "OKP":
        numbers["scalar"] = hashlib.sha512(numbers["d"]).digest()[:32]  # RFC 8032 5.1.5
        numbers["clamped"] = bytes([numbers["scalar"][0] & 248]) + numbers["scalar"][1:31] + bytes([numbers["scalar"][31] & 63 | 64])
    elif key["kty"] == "EC":
        order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
        numbers["montgomery"] = (int.from_bytes(numbers["d"], "big") * 2**256 % order).to_bytes(32, "big")
    for name, number in numbers.items():
        for form, data in ("text", base64.urlsafe_b64encode(number).rstrip(b"=")), ("big", number), ("little", number[::-1]):
            with open(f"{prefix}.{name}.{form}", "wb") as file:
                file.write(data)

def image(pid, *files):
    """Looks for what is in the files in all memory of a process but what a core dump would leave out, where some of it must be."""
    needles = {name: open(name, "rb").read() for name in files}
    found, apart, where = [], False, None
    with open(f"/proc/{pid}/smaps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            if start := re.match(r"([0-9a-f]+)-([0-9a-f]+) (r|-)\S+ \S+ \S+ \S+\s*(.*)", line):
                where = start
            elif line.startswith("VmFlags:") and where[3] == "r" and not where[4].startswith("[v"):
                memory.seek(int(where[1], 16))
                try:
                    data = memory.read(int(where[2], 16) - int(where[1], 16))
                except OSError:
                    continue  # it is gone since
                names = [name for name, needle in needles.items() if needle in data]
                if "dd" in line.split():
                    apart = apart or bool(names)
                else:
                    found += [f"{name} in {where[4] or 'memory without a name'}" for name in names]
    expect("; ".join(found), not found)
    expect("the key is not in the memory that is left out of dumps, where it should be", apart)

globals()[sys.argv[1]](*sys.argv[2:])

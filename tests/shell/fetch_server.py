"""A web server with the faults that downloads meet, for tests/shell/test_fetch.sh.

    python3 fetch_server.py FOLDER LOG PORT_FILE

/FAULT/PATH is FOLDER/PATH, sent with that fault. Every request is a line of LOG: its fault, file and Range (or -).
"""
import http.server
import os
import re
import sys
import threading
import time

folder, log_path, port_path = sys.argv[1:]
log_lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", length=None, headers=()):
        self.send_response(status)
        for header in headers:
            self.send_header(*header)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        return self.wfile.write(body)

    def wait_until_left(self):
        self.connection.recv(1)  # the client has said all that it has to say

    def do_GET(self):
        _, fault, path = re.sub("^http://[^/]*", "", self.path).split("/", 2)  # with the host: we are asked as its proxy
        wanted = self.headers.get("Range")
        with log_lock, open(log_path, "a") as log:
            print(fault, os.path.basename(path), wanted or "-", file=log)
        if fault in ("404", "500", "503"):
            return self.answer(int(fault), b"no such luck" * 1000)
        if fault == "redirect":
            return self.answer(302, b"moved", headers=[("Location", "/whole/" + path)])
        if fault == "loop":
            return self.answer(302, headers=[("Location", self.path)])
        if fault == "elsewhere":
            return self.answer(302, headers=[("Location", "file:///etc/passwd")])
        if fault == "page":  # a hotel's log-in page
            return self.answer(200, b"<html>please log in</html>")

        with open(os.path.join(folder, path), "rb") as file:
            body = file.read()
        if fault == "corrupt":
            body = body[:40] + bytes([body[40] ^ 1]) + body[41:]
        if fault == "longer":
            body += b"more"
        start, status, headers = 0, 200, []
        if wanted and not fault.startswith("norange"):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            if start >= len(body):
                return self.answer(416, headers=[("Content-Range", f"bytes */{len(body)}")])
            status, headers = 206, [("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")]
        rest = body[start:]

        if fault == "cut":  # a quarter of the file a connection
            self.answer(status, rest[: -(-len(body) // 4)], len(rest), headers)
        elif fault == "norange-cut":  # always breaks off at the same place
            self.answer(status, rest[: len(body) // 2], len(rest), headers)
        elif fault == "stall":
            self.answer(status, b"" if wanted else rest[: len(rest) // 2], len(rest), headers)
            self.wait_until_left()
        elif fault == "silent":
            self.wait_until_left()
        elif fault == "slow":  # some at once, then a byte now and then: nobody sees its end
            self.answer(status, rest[:20000], len(rest), headers)
            for byte in rest[20000:]:
                time.sleep(0.05)
                self.wfile.write(bytes([byte]))
        elif fault == "unsaid-cut":  # neither length nor end of the body are announced
            self.answer(status, rest[: max(1, len(body) // 2)], "none", headers)
        else:  # whole, corrupt, longer, norange
            self.answer(status, rest, None, headers)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.handle_error = lambda *_: None  # clients that leave are what is tested
with open(port_path + ".new", "w") as out:
    print(server.server_address[1], file=out)
os.rename(port_path + ".new", port_path)
server.serve_forever()

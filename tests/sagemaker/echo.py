"""A container that serves no model: what tests of endpoints ask that are not about predictions."""

# A container that says how long each body was and, asked for it, fails or hangs.
PROGRAM = """
import http.server, json, os, signal, sys, threading, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
assert sys.argv[1:] == ["serve"], sys.argv
print("started with", os.environ.get("WORD"), os.listdir("/opt/ml/model"), flush=True)
if os.environ.get("WORD") == "broken":
    sys.exit("there is no model in it")
while os.environ.get("WORD") == "later" and not os.path.exists("/opt/ml/enough"):
    time.sleep(0.05)
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self): self.answer(200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"hang": threading.Event().wait()
        told = {"bytes": len(body), "type": self.headers["Content-Type"], "batch": os.environ.get("SAGEMAKER_BATCH"),
                "word": os.environ.get("WORD")}
        self.answer(400 if b"wrong" in body else 200, json.dumps(told).encode())
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/echo:1"

"""Work for the tests: `wait.py SECONDS` says that it has begun, and ends when it may, after so many seconds or by a
signal."""

import sys
import time
from pathlib import Path

print("begun", flush=True)
end = time.monotonic() + float(sys.argv[1])
while not Path("/opt/ml/enough").exists() and time.monotonic() < end:
    time.sleep(0.05)

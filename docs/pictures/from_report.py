"""The README's picture: the first lesion in three planes, from the demo's report.

make demo && .venv/bin/python docs/pictures/from_report.py demo/result/report.html
"""

import base64
import re
import sys
from pathlib import Path

report = Path(sys.argv[1]).read_text(encoding="utf-8")
first = re.search(r"data:image/png;base64,([^\"]+)\" alt=\"axial, coronal", report)
if first is None:
    sys.exit("this report shows no lesion in three planes")
(Path(__file__).parent / "result.png").write_bytes(base64.b64decode(first.group(1)))

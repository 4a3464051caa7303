"""count_results.py LASTTEST CTESTLOG | --junit XML: prints "passed failed skipped"; names what failed and was skipped on stderr.

ctest's LastTest.log holds the output of every program: cmocka's lines are counted one by one, a program without them
(a fuzz replay) counts as one test. A program that ctest calls failed, but whose lines all passed, died: one failure.
"""
import re
import sys
import xml.etree.ElementTree as ET


def count_ctest(last_test, ctest_log):
    passed = failed = skipped = 0
    text = open(last_test, errors="replace").read() if last_test else ""
    verdicts = dict(re.findall(r"Test\s+#\d+: (\S+) \.*\s*(Passed|\*\*\*\S+)", open(ctest_log, errors="replace").read()))
    blocks = re.split(r"^\d+/\d+ Testing: ", text, flags=re.M)[1:]
    seen = set()
    for block in blocks:
        name = block.split("\n", 1)[0].strip()
        seen.add(name)
        ok = re.findall(r"^\[       OK \] (\S+)", block, re.M)
        bad = sorted(set(re.findall(r"^\[  (?:FAILED|ERROR ) \] (?!\d)(\S+)", block, re.M)))
        skips = sorted(set(re.findall(r"^\[  SKIPPED \] (?!\d)(\S+)", block, re.M)))
        died = verdicts.get(name, "Passed") != "Passed"
        if not ok and not bad and not skips and not died:
            ok = [name]
        passed += len([t for t in ok if t not in skips])
        skipped += len(skips)
        failed += len(bad) or (1 if died else 0)
        for test in skips:
            print(f"skipped: {name}: {test}", file=sys.stderr)
        if bad or died:
            print(f"FAILED: {name}: {', '.join(bad) or verdicts[name]}\n" + "\n".join(block.splitlines()[-60:]), file=sys.stderr)
    for name, verdict in verdicts.items():
        if name not in seen and verdict != "Passed":
            failed += 1
            print(f"FAILED: {name}: {verdict}", file=sys.stderr)
    if not verdicts:
        failed += 1
        print("FAILED: ctest ran nothing", file=sys.stderr)
    return passed, failed, skipped


def count_junit(path):
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return 0, 1, 0
    passed = failed = skipped = 0
    for case in root.iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


if __name__ == "__main__":
    result = count_junit(sys.argv[2]) if sys.argv[1] == "--junit" else count_ctest(sys.argv[1], sys.argv[2])
    print(*result)

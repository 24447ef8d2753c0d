#!/usr/bin/env python3
"""The OpenAPI document against the running program, by a judge nobody here wrote.

`schemathesis` reads `/openapi.json` and asks every operation: what the document allows and what it
does not, with the credential and without. Its checks: no server error, no status, media type, header
or body that the document does not tell of, wrong data refused, the credential never ignored.
Each door is asked with its own credential. Uses none of Ward's code.
"""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from cast import Cast, basic, bearer  # noqa: E402
from outside import Broken, Checks, Demo, clip, note, options, own_folder, program  # noqa: E402

# Each door: the security scheme of its operations; none is open. The doors of reporters and of
# transit need an issuer and a rule of their own: `foreign.py` and `transit.py` judge them.
DOORS = {"open": None, "operator": "operator", "scim": "provider", "client": "client",
         "resource": "resource"}
# Too many copies of whole databases; a stream that does not end.
NOT_ASKED = ("copyDatabases", "followRevocations")
# WHY without: the document cannot say "exactly one of these parameters" or "an operator's key has
# roles", so something it allows may be refused with a reason; nothing is stateful in it either.
NOT_CHECKED = ("positive_data_acceptance", "use_after_free", "ensure_resource_availability",
               "object_level_authorization")
EXAMPLES = 12
SECONDS = 240


def operations(document):
    """{door: [operationId]}"""
    found = {door: [] for door in DOORS}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters" or operation["operationId"] in NOT_ASKED:
                continue
            scheme = next(iter(operation.get("security", [{}])[0]), None)
            for door in (name for name, one in DOORS.items() if one == scheme):
                found[door].append(operation["operationId"])
    return found


def judge(url, names, headers, folder):
    """Runs the judge over some operations: (cases, [what failed])."""
    report = folder / "report.json"
    words = [shutil.which("schemathesis") or "schemathesis", "run", f"{url}/openapi.json",
             "--mode", "all", "--phases", "examples,coverage,fuzzing", "--checks", "all",
             "--exclude-checks", ",".join(NOT_CHECKED), "--max-examples", str(EXAMPLES),
             "--seed", "1", "--continue-on-failure", "--no-shrink", "--request-timeout", "20",
             "--warnings", "off", "--suppress-health-check", "all",
             "--report", "json", "--report-json-path", str(report)]
    for name in names:
        words += ["--include-operation-id", name]
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS,
                          env=os.environ | {"NO_COLOR": "1", "HYPOTHESIS_STORAGE_DIRECTORY":
                                            str(folder / "hypothesis")})
    (folder / "said").write_text(done.stdout + done.stderr)
    if not report.is_file():
        raise Broken(f"the judge gave no report: {clip(done.stdout[-500:] + done.stderr[-500:])}")
    return done.stdout, json.loads(report.read_text())


async def run(ward, folder, checks, seed):
    demo = Demo(ward, folder / "demo", folder / "log", customers=1000)
    try:
        note(f"the demo started within {await demo.start():.1f} s")
        cast = Cast(demo, seed)
        await cast.make()
        document = (await cast.plain.get("/openapi.json")).good()
        credentials = {
            "open": [], "operator": bearer(cast.keys["operator"]["true"]),
            "scim": bearer(cast.keys["scim"]["true"]), "client": basic(*cast.clients["true"]),
            "resource": bearer(cast.keys["service"]["true"]),
        }
        for door, names in operations(document).items():
            with checks.part(f"The door {door!r}"):
                own = folder / door
                own.mkdir(parents=True)
                told(checks, names, *judge(demo.at("api_url"), names, credentials[door], own))
        answer = await cast.plain.get("/readyz")
        checks.equal("Ward still answers, and can record", answer.status, 200)
    finally:
        demo.stop()


def told(checks, names, said, report):
    """The judge's report as claims: one an operation, and one for the rest."""
    operations, cases = report["operations"], report["test_cases"]
    found = {}
    for failure in report["failures"]:
        for operation in failure["operations"]:
            label = operation if isinstance(operation, str) else operation.get("label", "?")
            found.setdefault(label, []).append(failure["title"])
    for label, titles in sorted(found.items()):
        checks.is_true(label, False, "; ".join(titles))
    checks.equal("every operation was asked", (operations["tested"], operations["errored"]),
                 (len(names), 0))
    checks.is_true("nothing is told otherwise than it is", report["exit_code"] == 0 and not found,
                   f"{cases['generated']} cases" if not found else clip(said[-300:]))


async def main(given):
    checks, folder = Checks(), own_folder("openapi")
    try:
        await run(program(given.ward), folder, checks, given.seed)
    except Broken as error:
        checks.is_true("the demo runs", False, str(error))
    if not given.keep and not checks.failed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        note(f"left behind: {folder}")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options(__doc__).parse_args())))

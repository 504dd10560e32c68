"""
What C{siprec call} tells at its end: how the calls went, and where the recording is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from siprec_tw.cli.api_client import ApiClient, FoundRecording, recording_path
from siprec_tw.cli.invocation import next_command
from siprec_tw.cli.source.campaign import CampaignPlan, Outcome
from siprec_tw.errors import SiprecError
from siprec_tw.log_lines import escaped
from siprec_tw.recording.manifest import from_json
from siprec_tw.recording.verdict import VerdictKind

MOST_SHOWN = 5              # failures
NO_RESPONSE = "(no response was received)"


def report(outcomes: Sequence[Outcome], plan: CampaignPlan) -> int:
    """
    Say what became of the calls; how many failed.
    """
    failed = [outcome for outcome in outcomes if outcome.error]
    packets = sum(outcome.packets for outcome in outcomes)
    print(f"{len(outcomes) - len(failed)} of {plan.calls} calls went well, {packets} RTP packets were sent.")
    for outcome in failed[:MOST_SHOWN]:
        silence = "" if outcome.heard else f" {NO_RESPONSE}"
        print(f"  {outcome.call_id}: {escaped(outcome.error)}{silence}", file=sys.stderr)
    if len(failed) > MOST_SHOWN:
        print(f"  and {len(failed) - MOST_SHOWN} more", file=sys.stderr)
    if failed and not any(outcome.heard for outcome in outcomes):
        print("Is a recorder listening there, over this transport?", file=sys.stderr)
    elif failed and not packets:
        print("The recorder is there and took no call. Does it allow us (sip.allow, where it is siprec_tw)?",
              file=sys.stderr)
    return len(failed)


def tell_where(
    arguments: argparse.Namespace, client: ApiClient, call_id: str, found: FoundRecording | None
) -> None:
    """
    Say which recording the call has become, if any was found, how good it is, and how to hear it.
    """
    if found is None:
        listing = next_command(arguments, "recordings", "list", "--text", call_id)
        print(f"Call-ID {call_id}; if this recorder is siprec_tw: {listing}")
        return
    for line in _found_lines(arguments, client, found):
        print(line)


def _found_lines(arguments: argparse.Namespace, client: ApiClient, found: FoundRecording) -> Iterator[str]:
    yield f"Recording {found.recording_id} ({found.verdict or 'not stored yet'})"
    if found.verdict and found.verdict != VerdictKind.COMPLETE.value:
        yield f"  It is not complete: {_reason(client, found)}"
    yield f"  hear it:  {arguments.url}{recording_path(found.recording_id, 'audio')}"
    yield f"  look:     {next_command(arguments, 'recordings', 'show', found.recording_id)}"
    yield f"  take it:  {next_command(arguments, 'recordings', 'export', found.recording_id)}"


def _reason(client: ApiClient, found: FoundRecording) -> str:
    """
    The manifest's sentence about the verdict; the verdict itself where there is none.
    """
    try:
        verdict = from_json(client.read(recording_path(found.recording_id))).verdict
    except (SiprecError, ValueError):
        return found.verdict
    return escaped(verdict.reason) or found.verdict

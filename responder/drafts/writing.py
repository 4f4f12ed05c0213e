"""One suggestion by the writer for one case, when somebody asks for it.

1. `assign`: read the case, and the playbook entry that is to be reworded: the best of its drafts, else a general one.
   Refused where the brand has not switched the writer on, and where the platform wants AI replies approved first and
   no administrator has confirmed that (NEEDS_APPROVAL).
2. `compose`: ask the writer, outside any transaction, and look at its answer. Thrown away is what is no plain short
   text, repeats its instructions or a secret, strays from the entry, or adds a link, account or amount to it.
3. `keep`: store it as a draft with what the guard says of it. It is only ever a draft.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from core import audit
from core.clock import Clock
from core.errors import Forbidden
from core.mask import personal
from core.settings import SECRETS, Settings
from core.tables import Brand, Case, Draft, Mention, PlaybookEntry, Verdict
from core.types import Author
from responder.checks import guard, wording
from responder.checks.finding import Finding
from responder.drafts.draft import addressed
from responder.drafts.languages import called, spoken
from responder.drafts.likeness import FUNCTION_WORDS
from responder.drafts.playbook import fill
from responder.drafts.prompt import INSTRUCTIONS, UNLIMITED, Assignment, messages
from responder.drafts.writer import Writer, WriterFailed

NEEDS_APPROVAL: Mapping[str, str] = {
    "x": "X asks that replies written by AI be approved by X first",
}
"""Platforms whose rules ask for their consent before a reply is written by a machine, and how they say so."""

_REPEATED = 8
"""So many words in a row of our instructions are no accident."""
_NEAR = 0.2
"""Less than this share of an answer's words in the entry, and it is about something else."""
_STEM = 4
_SHORTEST_SECRET = 6
_WORD = re.compile(r"\w+")
_THINKING = re.compile(r"<think>.*?</think>\s*", re.DOTALL | re.IGNORECASE)
_AROUND = re.compile(r"^(?:```\w*\s*|[\"“„«'])(.*?)(?:\s*```|[\"”“»'])$", re.DOTALL)
_NOT_PLAIN = re.compile(r"<\|?[/a-z]|\[/?INST|!?\[[^\]]*\]\(|^\s*[{#]{2,}|```", re.IGNORECASE | re.MULTILINE)
_HIDDEN = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f\x00-\x08\x0b-\x1f\x7f]")
_ADDRESS = re.compile(
    r"(?:https?:)?//\S+|\bwww\.\S+|(?<![\w@.-])(?:[\w-]{1,63}\.){1,8}(?-i:[a-z]{2,24})\b(?:/\S*)?|@\w[\w.@-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Written:
    """What the writer is asked, and what of the case its answer is needed for."""

    assignment: Assignment
    entry_id: int
    entry_name: str
    same_language: bool
    values: Mapping[str, str]


def refusal(brand: Brand, platform: str, settings: Settings) -> str:
    """Why the writer is not to be used here, in words; empty where it may be."""
    if not settings.writer_url and not settings.writer_model:
        return "no writer is set up (WRITER_URL or WRITER_MODEL)"
    if not brand.writer.get("on"):
        return f"the writer is off for {brand.name}; an administrator can switch it on, on the brand's page"
    if platform in NEEDS_APPROVAL and platform not in brand.writer.get("confirmed", ()):
        return f"{NEEDS_APPROVAL[platform]}; an administrator confirms on the brand's page that you have that"
    return ""


def assign(db: Session, clock: Clock, settings: Settings, case_id: int) -> Written:
    """What to ask the writer for this case. Raises Forbidden with the reason where it must not be asked."""
    case = _case(db, case_id)
    if why := refusal(case.brand, case.mention.platform, settings):
        raise Forbidden(why)
    entry = _entry(db, clock, case)
    verdict = db.scalars(
        select(Verdict).where(Verdict.mention_id == case.mention_id).order_by(Verdict.id.desc())
    ).first()
    language = verdict.language if verdict else entry.language
    mention = case.mention
    most = guard.limit(mention.platform, guard.longest(db, mention.source))
    author = Author(mention.author.native_id, mention.author.handle, mention.author.name)
    return Written(
        Assignment(
            text=entry.text,
            post=mention.text,
            brand=case.brand.name,
            voice=case.brand.voice,
            platform=mention.platform,
            longest=most or UNLIMITED,
            language=called(language),
        ),
        entry.id,
        entry.name,
        spoken(entry.language) == spoken(language),
        {"name": addressed(author), "brand": case.brand.name},
    )


def compose(writer: Writer, asked: Written, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The writer's text, filled in, and the placeholders that are left. Raises WriterFailed where it is of no use."""
    text = _plain(writer.write(messages(asked.assignment)))
    _refuse_leaks(text, settings)
    _refuse_additions(text, asked.assignment.text)
    if asked.same_language and not _near(text, asked):
        raise WriterFailed(f"the writer strayed from “{asked.entry_name}”, so its answer was thrown away; try again")
    text, unresolved = fill(text, asked.values)
    length, most = guard.count(text, asked.assignment.platform), asked.assignment.longest
    if length > most:
        raise WriterFailed(f"the writer's answer has {length:,} characters, and {most:,} are allowed here; try again")
    return text, unresolved


def keep(
    db: Session, clock: Clock, case_id: int, user_id: int, asked: Written, model: str, text: str, left: Sequence[str]
) -> Draft:
    """Store what was written as this user's suggestion for the case, with what the guard says of it."""
    case = _case(db, case_id)
    wanted = (Draft.case_id == case_id, Draft.origin == "writer", Draft.playbook_id == asked.entry_id)
    row = db.scalars(select(Draft).where(*wanted, Draft.user_id == user_id)).first()
    if row is None:
        row = Draft(case_id=case_id, origin="writer", playbook_id=asked.entry_id, user_id=user_id)
        db.add(row)
    row.text, row.unresolved, row.created_at = text, list(left), clock.now()
    row.why = f"written by {model} from “{asked.entry_name}”"
    db.flush()
    if said := warnings(db, case, text):
        row.why += "; look twice: " + "; ".join(said)
    elif not asked.same_language:
        row.why += "; it is a translation: have somebody read it who speaks the language"
    audit.add(db, audit.Entry(clock.now(), "write", case_id, user_id, {"model": model} | audit.fingerprint(text)))
    return row


def warnings(db: Session, case: Case, text: str) -> list[str]:
    """What the guard says of a text, beside placeholders that are left, each with its phrase."""
    return [_said(one) for one in guard.for_case(db, case, text) if one.kind != "placeholder"]


def _said(finding: Finding) -> str:
    return f"“{finding.phrase}” {finding.message}" if finding.phrase else finding.message


def _case(db: Session, case_id: int) -> Case:
    post = joinedload(Case.mention)
    options = [post.joinedload(Mention.author), post.joinedload(Mention.source), joinedload(Case.brand)]
    row = db.get(Case, case_id, options=options, populate_existing=True)
    if row is None:
        raise Forbidden("this case is no longer there")
    if row.mention.deleted_at is not None:
        raise Forbidden("the post is gone, so there is nothing left to answer")
    if row.permission == "no":
        raise Forbidden(row.permission_why)
    return row


def _entry(db: Session, clock: Clock, case: Case) -> PlaybookEntry:
    """What is to be reworded: the entry of the best draft, else a general one in the brand's playbook."""
    entry = PlaybookEntry
    usable = select(entry).where(
        entry.brand_id == case.brand_id,
        entry.active,
        or_(entry.expires_at.is_(None), entry.expires_at > clock.now()),
        or_(entry.platform.is_(None), entry.platform == case.mention.platform),
    )
    drafted = usable.join(Draft, Draft.playbook_id == entry.id).where(Draft.case_id == case.id)
    best = db.scalars(drafted.order_by(Draft.score.desc().nulls_last(), Draft.id)).first()
    if best is None:
        best = next((one for one in db.scalars(usable.order_by(entry.id)) if "general" in one.tags), None)
    if best is None:
        raise Forbidden("the writer only rewords replies of the playbook, and none of them fits this post")
    return best


def _plain(answer: str) -> str:
    """The answer's text without what models put around it."""
    text = _THINKING.sub("", answer).strip()
    if around := _AROUND.match(text):
        text = around[1].strip()
    if len(_WORD.findall(text)) < 2:
        raise WriterFailed("the writer answered nothing that could be a reply; try again")
    if odd := _HIDDEN.search(text):
        raise WriterFailed(
            f"the writer's answer holds an invisible character (U+{ord(odd[0]):04X}) and was thrown away"
        )
    if odd := _NOT_PLAIN.search(text):
        raise WriterFailed(f"the writer's answer is no plain text (“{odd[0].strip()}”) and was thrown away")
    return text


def _refuse_leaks(text: str, settings: Settings) -> None:
    """Neither our instructions nor any secret of ours is ever shown as a suggestion."""
    told = [word.casefold() for word in _WORD.findall(INSTRUCTIONS)]
    runs = {tuple(told[at : at + _REPEATED]) for at in range(len(told) - _REPEATED + 1)}
    said = [word.casefold() for word in _WORD.findall(text)]
    if any(tuple(said[at : at + _REPEATED]) in runs for at in range(len(said) - _REPEATED + 1)):
        raise WriterFailed("the writer repeated its instructions instead of answering; its answer was thrown away")
    secrets = (getattr(settings, name) for name in SECRETS)
    known = (one if isinstance(one, str) else one.get_secret_value() for one in secrets)
    if any(len(one) >= _SHORTEST_SECRET and one in text for one in known):
        raise WriterFailed("the writer's answer held a secret of this service; it was thrown away")


def _refuse_additions(text: str, approved: str) -> None:
    """What can do harm must stand in the approved reply: addresses, accounts, contacts, amounts."""
    found = [one[0] for one in _ADDRESS.finditer(text)] + [phrase for _, phrase in personal(text)]
    found += [one[0] for one in wording.MONEY.finditer(text)]
    allowed = approved.casefold()
    for phrase in found:
        if phrase.casefold().rstrip(".,!?)") not in allowed:
            raise WriterFailed(
                f"the writer added “{phrase[:100]}”, which is not in the playbook's reply; its answer was thrown away"
            )


def _near(text: str, asked: Written) -> bool:
    """Whether enough of what it says is said in the entry as well."""
    ours = _stems(text)
    return not ours or len(ours & _stems(asked.assignment.text)) >= max(2, _NEAR * len(ours))


def _stems(text: str) -> set[str]:
    return {word.casefold()[:_STEM] for word in _WORD.findall(text) if word.casefold() not in FUNCTION_WORDS}

"""Two weeks of what people might write about a shop that there is not: Tillo, which brings groceries and parcels.

Everything is put together from sentences of our own, by a seeded generator: the same seed gives the same two weeks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.types import Author, Mention

_CALM = (
    "Ordered {food} from Tillo for tonight, let's see",
    "Tillo van just went past with {number} crates on the roof, what a sight",
    "does Tillo bring {food} on Sundays?",
    "Tillo finally comes to {town}",
    "first time I tried Tillo, {food} and {food2} in one bag",
    "anyone else here use Tillo in {town}?",
    "the Tillo driver waved at my {pet}, that made my {weekday}",
    "Is Tillo hiring in {town}? Asking for my {relative}",
    "making {food} with what Tillo brought",
    "my {relative} swears by Tillo, I still walk to the market in {town}",
    "Tillo slot booked for {weekday}, {number} items this time",
    "reading about how Tillo began in a garage in {town}",
)
_GLAD = (
    "Thank you Tillo, {food} came early and still cold, lovely service in {town}",
    "Tillo has the best {food} I have had all year, so good",
    "shout out to the Tillo driver in {town}, so kind to my {relative}",
    "Really happy with Tillo, {number} orders and every one was perfect",
    "Tillo support sorted it in {number} minutes, wonderful people",
)
_GRUMBLES = (
    "Tillo forgot the {food} in my order again",
    "no {food} in the bag although I paid Tillo for it",
    "my Tillo delivery is {number} hours late, where is it",
    "Tillo said before noon and nobody came on {weekday}",
    "Tillo put the eggs under the {food}, all of them broken",
    "waited {number} minutes on the Tillo hotline and then it hung up",
    "nobody answers at Tillo support, ever",
    "Tillo swapped my {food} for {food2} without asking, annoying",
    "the Tillo website is so slow on my phone, terrible to use",
    "Tillo search never finds {food}, useless",
    "Tillo prices in {town} are a rip off, {food} costs double",
    "the Tillo driver parked across my gate in {town} and was rude to my {relative}",
    "Tillo van blocks the bike lane every {weekday}, dangerous",
    "Tillo sends me {number} mails a day and unsubscribing does not work",
    "the {food} from Tillo was past its date",
    "mouldy {food} from Tillo, disgusting",
    "my Tillo voucher was refused for no reason",
    "so much plastic around one {food}, Tillo, that is a disgrace",
    "Tillo rang the bell at 6 in the morning and woke my {relative}",
    "Tillo left the crate in the rain, everything is soaked",
    "my {pet} got out because the Tillo man left the gate open",
    "Tillo cancelled my slot an hour before, what am I to cook now",
    "the minimum order at Tillo went up to {number}0, I am out",
    "Tillo in {town} has had no {food} for {number} weeks",
    "Tillo chat bot answers with nonsense, I gave up",
    "melted ice cream from Tillo, {number} tubs of it",
    "Tillo weighs {food} wrong, half of what I paid for",
    "got somebody else's Tillo bags, mine went to {town}",
    "Tillo loyalty points vanished on {weekday}",
    "the Tillo invoice has the wrong name and nobody fixes it",
)
_LOGIN = (
    "cannot log in to Tillo, the app says my password is wrong and it is not",
    "Tillo app logged me out and will not let me back in, error {number}0{number}",
    "is anyone else locked out of Tillo? login keeps failing since this morning",
    "@tillohelp I can't sign in, the login page just gives an error",
    "login to my Tillo account fails every time, I have an order coming to {town} and can't see it",
    "Tillo login is broken, reset my password twice and still locked out",
    "locked out of my Tillo account, the sign in code never arrives",
    "what is wrong with Tillo today, nobody in {town} can log in",
    "{number} tries and Tillo still says wrong password, fix your login",
    "unable to sign in to Tillo on phone or laptop, login error again and again",
)
_CHARGED = (
    "Tillo charged my card twice for the same order",
    "double charge from Tillo again, {number}4 euros gone two times",
    "@tillohelp why was I billed twice for one delivery? I want the second payment back",
    "my bank shows two payments to Tillo for one order of {food}",
    "Tillo took the money twice and support does not refund it",
    "charged two times by Tillo on {weekday}, still no refund",
    "checked my account, Tillo billed me double for {food}, not ok",
    "Tillo debited my card twice this week, who do I call to get my money back",
    "paid Tillo once, was charged twice. {relative} had the same in {town}",
    "second time Tillo takes a double payment from my card, I am furious",
)
_GLASS = (
    "I just bit on GLASS in a Tillo salad that my {relative} made. Do not eat it. @tillohelp why does nobody answer"
)
_GLASS_TOO = (
    "@{star} same here, found glass in my Tillo salad on {weekday}",
    "@{star} this is horrible, there was a piece of glass in ours from Tillo too",
    "@{star} @tillohelp glass in a salad is dangerous, recall it now",
    "@{star} my {relative} cut her lip on glass from a Tillo salad, nobody answered",
    "@{star} just threw away {number} Tillo salads because of the glass, I want my money back",
    "@{star} unbelievable, glass in Tillo salad and not a word from them",
    "@{star} we had glass splinters in the Tillo salad bowl as well, in {town}",
    "@{star} Tillo sells salad with glass in it, disgusting and unsafe",
)
_LAUNCH = (
    "the new Tillo cargo bikes in {town} are gorgeous, love them",
    "Tillo launched electric bikes today and mine came with {food}, so cool",
    "just saw the new Tillo bike, what a beautiful thing, well done",
    "Congratulations Tillo on the new bikes, quiet and quick, {town} needs this",
    "the Tillo bike rider brought my {food} in {number} minutes, amazing launch",
    "loving the new Tillo bikes! my {relative} wants a ride",
    "Great idea, Tillo: bikes instead of vans in {town}. Happy to see it",
)
_GIVEAWAY = (
    "I want to win the year of {food} from Tillo! #TilloGiveaway",
    "Entering the #TilloGiveaway with my {pet}, fingers crossed",
    "#TilloGiveaway pick me, my {relative} loves {food}",
    "tagging {number} friends for the #TilloGiveaway, good luck everybody",
    "#TilloGiveaway yes please, {town} says hello",
    "who else is in for the #TilloGiveaway? so excited",
)
_MORE = (
    "Anybody else?",
    "Had to walk to the shop in the end.",
    "Somebody please look into it.",
    "I have been a customer for {number} years.",
    "My {relative} says I should write to you.",
    "It is {weekday} and I am hungry.",
    "We are {number} people here.",
    "Greetings from {town}.",
)
_WORDS = {
    "food": ("tomatoes", "bread", "oat milk", "berries", "ramen", "cheese", "olives", "rice", "pears", "soup", "beans"),
    "food2": ("lentils", "crackers", "tofu", "plums", "pasta", "honey", "radishes", "mangoes"),
    "town": ("Arnhem", "Leeds", "Porto", "Graz", "Ghent", "Turku", "Brno", "Lyon", "Cork", "Malmo", "Bergen", "Basel"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "relative": ("mum", "dad", "sister", "brother", "grandmother", "neighbour", "flatmate", "uncle", "daughter"),
    "pet": ("dog", "cat", "parrot", "rabbit", "tortoise"),
    "number": ("2", "3", "4", "5", "6", "7", "8", "9"),
}
_BEFORE = ("", "", "", "ok so ", "honestly, ", "so, ", "well: ", "hm. ", "update: ", "sigh, ", "for real, ")
_AFTER = ("", "", "", ".", "!", " today", " this week", " ...", " in " + "{town}", " 😐", " (again)")

STAR = "hungry_hana"
FOLLOWERS = 180_000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once: its name, when it begins, and what is written about it, in the order of time.

    `complaint`: somebody should be told.
    """

    name: str
    begins: datetime
    complaint: bool
    mentions: tuple[Mention, ...]


class Writer:
    """Everybody who writes about Tillo."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._number = 0

    def usual(self, start: datetime, days: int, per_day: int) -> Iterator[Mention]:
        """What is written on any day: more at noon and in the evening than at night, less on Sundays."""
        for hour in range(24 * days):
            at = start + timedelta(hours=hour)
            share = (1.15 - math.cos((at.hour - 3) / 24 * 2 * math.pi)) / 27.6 * (0.7 if at.weekday() == 6 else 1.05)
            for _ in range(self._poisson(per_day * share)):
                yield self._mention(self._usual_text(), at + timedelta(seconds=self._rng.random() * 3600))

    def event(
        self,
        name: str,
        begins: datetime,
        offsets: Sequence[float],
        texts: Sequence[str],
        *,
        complaint: bool,
        first: Mention | None = None,
    ) -> Event:
        """Mentions at these seconds after the beginning; under the post `first`, where there is one."""
        thread: dict[str, Any] = (
            {"reply_to": first.native_id, "conversation": first.native_id, "kind": "reply"} if first else {}
        )
        said = [
            self._mention(
                self._filled(self._rng.choice(texts), more=complaint), begins + timedelta(seconds=offset), **thread
            )
            for offset in sorted(offsets)
        ]
        return Event(name, begins, complaint, (first, *said) if first else tuple(said))

    def sudden(self, begins: datetime, count: int) -> Event:
        """Nobody gets in any more: at once as many as there will ever be in an hour, for four hours."""
        offsets = [self._rng.triangular(0, 4 * 3600, 1800) for _ in range(count)]
        return self.event("login (sudden)", begins, offsets, _LOGIN, complaint=True)

    def slow(self, begins: datetime, count: int) -> Event:
        """Charged twice: hour by hour a little more, for a day and a half."""
        offsets = [36 * 3600 * math.sqrt(self._rng.random()) for _ in range(count)]
        return self.event("charged twice (slow)", begins, offsets, _CHARGED, complaint=True)

    def cascade(self, begins: datetime, count: int) -> Event:
        """One person whom many follow finds glass; those who answer have found some too."""
        first = self._mention(self._filled(_GLASS), begins, Author(STAR, STAR, "Hana", FOLLOWERS))
        offsets = [self._rng.lognormvariate(math.log(2.5 * 3600), 0.9) for _ in range(count - 1)]
        return self.event("glass (cascade)", begins, offsets, _GLASS_TOO, complaint=True, first=first)

    def launch(self, begins: datetime, count: int) -> Event:
        """New bikes that everybody likes."""
        offsets = [self._rng.expovariate(1 / (4 * 3600)) for _ in range(count)]
        return self.event("launch (praise)", begins, offsets, _LAUNCH, complaint=False)

    def giveaway(self, begins: datetime, count: int) -> Event:
        """Something to win."""
        offsets = [self._rng.expovariate(1 / (3 * 3600)) for _ in range(count)]
        return self.event("giveaway", begins, offsets, _GIVEAWAY, complaint=False)

    def _usual_text(self) -> str:
        kind: Sequence[str] = self._rng.choices((_CALM, _GLAD, _GRUMBLES), (70, 15, 15))[0]
        return self._filled(self._rng.choice(kind), more=kind is _GRUMBLES)

    def _filled(self, text: str, *, more: bool = False) -> str:
        words = {name: self._rng.choice(of) for name, of in _WORDS.items()} | {"star": STAR}
        end = f". {self._rng.choice(_MORE)}" if more and self._rng.random() < 0.4 else self._rng.choice(_AFTER)
        return (self._rng.choice(_BEFORE) + text + end).format_map(words)

    def _mention(self, text: str, at: datetime, author: Author | None = None, **more: Any) -> Mention:
        self._number += 1
        handle = f"writer{self._rng.randrange(100_000)}"
        author = author or Author(handle, handle, followers=int(self._rng.lognormvariate(5, 1.3)))
        return Mention("x", str(self._number), author, text, at, lang="en", **more)

    def _poisson(self, mean: float) -> int:
        limit, number, product = math.exp(-mean), 0, self._rng.random()
        while product > limit:
            number += 1
            product *= self._rng.random()
        return number

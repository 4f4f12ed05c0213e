"""Words that say something about a reply: money, blame, law, apology, a private channel, empathy, a reason.

In English, German, French, Spanish, Italian, Portuguese and Dutch. A list finds what is mostly said, not all that
can be said; that is why most of what the guard finds only warns.
"""

from __future__ import annotations

import regex

LANGUAGES = frozenset({"en", "de", "fr", "es", "it", "pt", "nl"})
"""Languages that these lists know."""


def _any(*phrases: str) -> regex.Pattern[str]:
    """Any of these, as whole words; a blank stands for any white space, an apostrophe for either."""
    joined = "|".join(phrases).replace(" ", r"\s+").replace("'", "['’]")
    return regex.compile(rf"(?<!\w)(?:{joined})(?!\w)", regex.IGNORECASE)


_AMOUNT = r"[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:[$€£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf)\b)"

MONEY = regex.compile(
    r"\b(?:refund(?:s|ed|ing)?|reimburs\w+|compensat\w+|vouchers?|gift cards?|store credit|free of charge|money back"
    r"|discounts?|for free|on the house|full credit|waive\w*"
    r"|gutscheine?|(?:rück)?erstatt\w+|entschädig\w+|rabatt|kostenlos|schadenersatz"
    r"|rembours\w+|dédommag\w+|bon d'achat|remise|gratuit\w*|indemnis\w+"
    r"|reembols\w+|compensaci\w+|indemniz\w+|descuento|gratis|rimbors\w+|risarci\w+|buono|sconto|indeniza\w+"
    r"|desconto|terugbetal\w+|vergoed\w+|korting)\b|" + _AMOUNT,
    regex.IGNORECASE,
)
"""Promises of money, and amounts."""

BLAME = _any(
    r"you (?:really |simply |just )?(?:should|could|ought to|must) have"
    r"(?! (?:received|got|gotten|had|been|arrived|an?|the|your|it|one)\b)(?: \w+)?",
    r"you shouldn't have(?: \w+)?",
    r"(?:it is|it's|that is|that's|this is|entirely|all|was) (?:all |entirely )?"
    r"your (?:own )?(?:fault|mistake|error|doing)",
    r"your own (?:fault|mistake|error|carelessness|responsibility)",
    r"you (?:clearly |obviously |simply |just )?"
    r"(?:failed|forgot|neglected|refused|misread|misunderstood|overlooked)(?: to)?",
    r"you (?:clearly |obviously |simply |just )?(?:didn't|did not|don't|do not) (?:bother to |even )?"
    r"(?:read|follow|listen|understand|check|pay attention|look)",
    r"if you had (?:only |just )?(?:read|followed|checked|listened|asked|ordered|told)",
    r"you were (?:supposed|told|warned) to?",
    r"as (?:we|I) (?:have )?(?:already )?(?:told|explained to|said to) you",
    r"user error",
    r"calm down",
    r"nobody else (?:has|had) (?:complained|this problem)",
    r"you(?:'re| are) (?:simply |just )?(?:wrong|mistaken|overreacting|exaggerating|being unreasonable)",
    r"(?:sie|du) hätten? (?:\w+ ){0,4}(?:sollen|müssen)",
    r"hättest du (?:\w+ ){0,4}(?:sollen|müssen)",
    r"(?:ihre?|deine?) (?:eigene )?(?:schuld|fehler)",
    r"selbst schuld",
    r"vous auriez dû",
    r"tu aurais dû",
    r"(?:c'est )?(?:de )?votre (?:propre )?faute",
    r"votre erreur",
    r"(?:debería|deberías|debió|tendría que|tenía que) haber",
    r"es (?:su|tu) culpa",
    r"avrebbe dovuto",
    r"avresti dovuto",
    r"(?:è )?colpa (?:sua|tua)",
    r"(?:você )?deveria ter",
    r"(?:a )?culpa é sua",
    r"(?:u|je) had (?:\w+ ){0,4}moeten",
    r"(?:uw|je) eigen schuld",
)
"""Telling customers that it is their fault."""

LEGAL = _any(
    r"lawsuits?",
    r"law suits?",
    r"legal(?:ly)? (?:action|steps|team|department|claims?|liable|obliged|binding|responsib\w+)",
    r"liab(?:le|ility|ilities)",
    r"we admit(?:ted)?",
    r"(?:we|I) (?:accept|take|assume|acknowledge) (?:full |all |legal )?(?:liability|blame|fault)",
    r"admission of \w+",
    r"negligen\w+",
    r"attorneys?",
    r"lawyers?",
    r"solicitors?",
    r"(?-i:sue[ds]?)",  # Sue is a name
    r"suing",
    r"in court",
    r"defamat\w+",
    r"libel\w*",
    r"slander\w*",
    r"without prejudice",
    r"breach of (?:contract|warranty|duty)",
    r"data breach",
    r"damages",
    r"settlement",
    r"guaranteed?",
    r"warrant(?:y|ies) claims?",
    r"verklag\w+",
    r"(?:klage|rechts)\w*(?:anwalt|anwält\w+|weg|streit|schritte)",
    r"anwalt",
    r"haftung\w*",
    r"haftbar",
    r"schadens?ersatz\w*",
    r"wir (?:geben|räumen) (?:\w+ ){0,3}(?:zu|ein)",
    r"procès",
    r"poursuites? (?:judiciaires?|en justice)",
    r"avocate?s?",
    r"responsabilité (?:civile|juridique|légale)",
    r"nous (?:admettons|reconnaissons)",
    r"demanda (?:judicial|legal)",
    r"acciones legales",
    r"abogad[oa]s?",
    r"responsabilidad (?:civil|legal|jurídica)",
    r"admitimos",
    r"reconocemos nuestra \w+",
    r"causa legale",
    r"azioni legali",
    r"avvocat[oi]",
    r"responsabilità (?:civile|legale)",
    r"ammettiamo",
    r"processo judicial",
    r"ação judicial",
    r"advogad[oa]s?",
    r"responsabilidade (?:civil|legal)",
    r"rechtszaak",
    r"advoca(?:at|ten)",
    r"aansprakelijk\w*",
    r"wij? geven toe",
)
"""Words that a lawyer would want to see first."""

APOLOGY = _any(
    r"sorry",
    r"apolog\w+",
    r"regret\w*",
    r"(?:es )?tut (?:mir|uns) (?:\w+ ){0,3}leid",
    r"leid",
    r"entschuldig\w+",
    r"verzeih\w*",
    r"bedauer\w+",
    r"désolée?s?",
    r"excus\w+",
    r"pardon",
    r"navrée?s?",
    r"regrett\w+",
    r"lo siento",
    r"sentimos",
    r"lamentamos",
    r"disculp\w+",
    r"perd[oó]n\w*",
    r"ci dispiace",
    r"mi dispiace",
    r"scus\w+",
    r"spiacenti",
    r"desculp\w+",
    r"pedimos desculpas?",
    r"sinto muito",
    r"excuses",
    r"het spijt (?:me|mij|ons)",
    r"vervelend",
)
"""Saying sorry."""

PRIVATE = _any(
    r"dms?",
    r"(?:direct|private|personal) messages?",
    r"message us",
    r"(?:send|drop|write|e-?mail|call|contact|reach|pm|text) (?:us|me)",
    r"pm",
    r"in private",
    r"privately",
    r"inbox",
    r"via e-?mail",
    r"by (?:e-?mail|phone|message)",
    r"privat\w*",
    r"(?:direkt|persönliche )?nachricht\w*",
    r"(?:schreib\w*|ruf\w*|melde\w*) (?:\w+ )?(?:uns|bei uns)",
    r"(?:message|messagerie) privée?",
    r"en privé",
    r"mp",
    r"écri\w+-nous",
    r"contact\w+-nous",
    r"mensaje (?:directo|privado)",
    r"md",
    r"escr[ií]b[ae]nos",
    r"por (?:privado|interno)",
    r"messaggio (?:privato|diretto)",
    r"in privato",
    r"scriv\w+ci",
    r"mensagem (?:direta|privada)",
    r"escreva-nos",
    r"(?:privé|persoonlijk) ?bericht",
    r"stuur ons",
)
"""Moving to a private channel."""

EMPATHY = _any(
    r"understand\w*",
    r"frustrat\w+",
    r"annoy\w+",
    r"upset\w*",
    r"disappoint\w+",
    r"hear you",
    r"you(?:'re| are) (?:absolutely |quite |completely )?right",
    r"should(?: never|n't| not) (?:have )?happen\w*",
    r"not (?:okay|ok|good enough|acceptable|what (?:you|we|anyone) (?:expect\w*|want\w*))",
    r"let you down",
    r"that (?:sounds|must be|must have been)",
    r"thank(?:s| you) for (?:telling|letting|flagging|raising|bearing|your patience)",
    r"versteh\w*",
    r"verständlich\w*",
    r"nachvollzieh\w*",
    r"ärger\w*",
    r"enttäusch\w+",
    r"compren\w+",
    r"frustr\w+",
    r"déç\w+",
    r"entend\w+",
    r"entiend\w+",
    r"molest\w+",
    r"decepci\w+",
    r"capi(?:amo|sco|re)",
    r"delus\w+",
    r"fastidio",
    r"entend(?:o|emos)",
    r"decepç\w+",
    r"begrijp\w*",
    r"teleurstell\w+",
)
"""Showing that one has listened."""

REASON = _any(
    r"because(?: of)?",
    r"due to",
    r"caused by",
    r"the (?:reason|cause)",
    r"as a result",
    r"what happened",
    r"went wrong",
    r"since",
    r"owing to",
    r"turns out",
    r"find(?:ing)? out",
    r"look(?:ing|ed)? into (?:what|why|how|it|this|that)",
    r"weil",
    r"da wir",
    r"wegen",
    r"aufgrund",
    r"grund\w*",
    r"ursache",
    r"woran",
    r"parce qu\w*",
    r"car",
    r"en raison d\w*",
    r"à cause d\w*",
    r"cause",
    r"porque",
    r"debido a",
    r"motivo",
    r"causa",
    r"perché",
    r"a causa d\w*",
    r"devido a",
    r"por causa d\w*",
    r"omdat",
    r"vanwege",
    r"door een",
    r"oorzaak",
)
"""Saying why it happened, or that one is finding out."""

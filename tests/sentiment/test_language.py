"""A post in another language is never judged as English, and an English one is never passed over."""

from __future__ import annotations

import pytest

from sentiment.language import Language, identify

FOREIGN = """
es llevo tres semanas esperando mi pedido y nadie responde
es no funciona la app
es pésimo servicio
es otra vez sin internet
de mein Paket ist immer noch nicht da
de App stürzt ständig ab
de Danke schön
de was für ein Saftladen
fr mon colis n'est jamais arrivé
fr l'application ne marche plus
fr très déçu
fr merci beaucoup
pt o aplicativo não funciona
pt péssimo atendimento
pt cadê meu pedido
it il pacco non è mai arrivato
it servizio clienti inesistente
it ottimo servizio
nl nog steeds geen geld terug
nl slechte service, nooit meer
nl app werkt niet
tr çok kötü hizmet
pl nigdy więcej
ja 荷物が届かない
ja 最悪のサービス
ar لم يصل طلبي
ar خدمة سيئة جدا
ko 배송이 너무 늦어요
zh 服务太差了
ru ужасный сервис
el χάλια εξυπηρέτηση
he שירות גרוע
th บริการแย่มาก
hi बहुत खराब सेवा
""".strip().splitlines()

ENGLISH = """
worst service ever
still no refund
refund??
wifi down again
lol
omg no
thx
gr8 service
pls help
app crashes
rude staff
charged twice
fix your app
no internet since monday
absolute joke
Lufthansa lost my bag
Deutsche Bahn late as always
Zara refund pls
Vodafone signal gone
my Nespresso machine leaks and nobody replies
""".strip().splitlines()


@pytest.mark.parametrize("line", FOREIGN)
def test_a_short_foreign_post_is_named_and_not_judged(line: str) -> None:
    code, text = line.split(" ", 1)
    assert identify(text) == Language(code, english=False)


@pytest.mark.parametrize("text", ENGLISH)
def test_a_short_english_post_is_judged_whatever_it_is_called(text: str) -> None:
    assert identify(text).english
    assert identify(text, "en") == Language("en", english=True)


@pytest.mark.parametrize("text", ["", " ", "😡😡😡", "https://example.org/a", "@brand", "#1 2 3", "\u200b", "...!?"])
def test_a_post_without_words_has_no_language(text: str) -> None:
    assert identify(text, "de") == Language("und", english=True)


@pytest.mark.parametrize(
    ("text", "declared"), [("muy mal servicio", "es"), ("super Laden", "de-AT"), ("zo slecht", "nl")]
)
def test_the_declared_language_decides_what_the_words_leave_open(text: str, declared: str) -> None:
    assert identify(text, declared) == Language(declared[:2], english=False)


def test_a_wrong_declaration_does_not_outweigh_a_sentence() -> None:
    assert identify("Mein Paket ist seit drei Wochen nicht angekommen", "en").code == "de"
    assert identify("My parcel has been missing for three weeks now", "de") == Language("en", english=True)


@pytest.mark.parametrize("declared", ["", "xx", "not a language", "EN_us", "-", "zxx"])
def test_an_odd_declaration_is_ignored(declared: str) -> None:
    assert identify("my parcel has not arrived and nobody answers", declared) == Language("en", english=True)


def test_a_script_that_nobody_knows_is_not_judged() -> None:
    assert not identify("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎣᏍᏓ").english

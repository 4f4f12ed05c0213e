"""Words that say nothing of what a text is about, in the languages that are heard most."""

from __future__ import annotations

_BY_LANGUAGE = {
    "en": """a about after again all almost already also always am an and another any anyone anything are aren't
        around as ask asked at away back be because been before being between both but by call came can can't
        cannot come could couldn't day days did didn't do does doesn't doing don't done down dont each else even
        ever every everyone everything few first for from get gets getting give go goes going gone gonna good got
        great had has hasn't have haven't having he hello help her here hers hey hi him his how i i'd i'll i'm
        i've if ill im in into is isn't it it'll it's its ive just keep know last least less let let's like likely
        little ll long look lot made make makes making man many may maybe me mean might mine more most much must
        my myself need never new next no nobody none nor not nothing now of off oh ok okay old on once one only
        onto or other our ours out over own people please pls put rather re really right said same say says see
        seem seems she should shouldn't since so some someone something soon still stop such sure take tell than
        thank thanks that that's thats the their them then there there's these they they're thing things think
        this those though thought three through time times to today together told too took toward tried try trying
        two under until up upon us use used using ve very via want wanted wants was wasn't way we we're we've week
        weeks well went were weren't what what's when where which while who whole whose why will with within
        without won't work would wouldn't wtf yeah year years yes yesterday yet you you'll you're you've your
        yours yourself lol omg u ur""",
    "de": """ab aber alle allem allen aller alles als also am an ander andere auch auf aus bei beim bin bis bist
        bitte da dabei damit danke dann das dass dein deine dem den denn der des dich die dies diese diesem diesen
        dieser dieses dir doch dort du durch ein eine einem einen einer eines einfach er es etwas euch euer eure
        für gar geht gerade gibt ganz habe haben hallo hat hatte hier hin ich ihm ihn ihnen ihr ihre ihrem ihren
        ihrer im immer in ins ist ja jede jeden jeder jetzt kann kein keine keinen können könnt ma mal man mehr
        mein meine meinem meinen meiner mich mir mit muss nach nein nicht nichts noch nun nur ob oder ohne schon
        sehr sein seine seit sich sie sind so soll sollte sondern um und uns unser unsere unter viel vom von vor
        war waren warum was wegen weil wenn wer werden wie wieder will wir wird wo wurde zu zum zur über heute
        gestern morgen""",
    "fr": """a ai ainsi alors après as au aucun aucune aussi autre aux avait avec avez avoir avons bien bonjour
        c'est car ce ceci cela ces cet cette ceux chez chose comme comment d'un d'une dans de depuis des deux dire
        dit donc du elle elles en encore entre es est et eu faire fait faut fois font il ils j'ai je jour juste
        l'on la le les leur leurs lui là ma mais me merci mes mettre moi moins mon même n'est ne ni non nos notre
        nous on ont ou où par parce pas peu peut plus pour pourquoi pouvez quand que quel quelle quelque qu'il qui
        quoi rien sa sans se sera ses si son sont sous suis sur ta te tes toi ton toujours tous tout toute toutes
        trop très tu un une va vers voilà vos votre vous vraiment y ça était été être aujourd'hui hier""",
    "es": """a al algo alguien ahora antes aquí así aunque bien cada como con contra cual cuando cómo de del desde
        donde dos e el ella ellos en entre era eres es esa ese eso esta estaba estado estamos estar este esto
        estos estoy está están favor fue ha haber había hace hacer han has hasta hay he hola hoy ir la las le les
        lo los me mi mis muy más mucho mí nada ni no nos nosotros nunca o os otra otro para pero poco por porque
        puede pues que quien qué se sea ser si sido siempre sin sobre solo son soy su sus sí también tan te tener
        tengo ti tiene todo todos tu tus un una uno usted va vamos vez y ya yo él gracias ayer""",
    "it": """a abbiamo ad ai al alla alle anche ancora avere c'è che chi ci ciao come con cosa così cui da dal
        dalla dei del della delle di dove due e ed era essere fa fare fatto gli grazie ha hai hanno ho i il in io
        l'ho la le lei li lo loro lui ma me mi mia mio molto ne nei nel nella no noi non nostro o ogni oggi per
        perché più poi prima può quando quello questa questo qui se sei sempre senza si solo sono sta stato su sul
        sulla suo te ti tra tu tutti tutto un una uno va vi voi è però ieri""",
    "pt": """a agora ainda ao aos as até bem bom boa com como da das de dela dele depois do dois dos e ela ele
        eles em entre era essa esse esta estamos estava este estou está eu fazer foi for gente há isso isto já la
        lhe mais mas me mesmo meu minha muito na nada nas nem no nos nossa nosso não nunca o obrigado obrigada olá
        os ou para pela pelo pode por porque pra quando que quem qual se sem sempre ser seu sobre sou sua só
        também te tem tenho ter teu todos tudo um uma vai vc você vocês vou às é hoje ontem""",
    "nl": """aan al alle alleen als altijd ander ben bij daar dan dat de deze die dit doen door dus een echt er
        even geen gaan gaat goed haar had heb hebben heeft heel hem het hier hij hoe hun ik iets in is ja je jij
        jullie kan kunnen maar me mee meer men met mij mijn moet na naar nee niet niets nog nu of om omdat onder
        ons ook op over staat te tegen toch toen tot u uit uw van veel voor waar waarom wat weer wel werd wie wij
        wil worden wordt zal ze zeer zich zij zijn zo zou bedankt hallo vandaag gisteren""",
    "sv": """alla allt att av bara bli blir bra de dem den denna det detta dig din du där efter ej eller en er ett
        från för ha hade han har hej hem hon honom hur här i igen in inga ingen inte jag ju kan kommer kunde man
        med mer mig min mina mot mycket ni nu när något och om oss på redan sedan sig sin ska som så tack till
        tills upp ut utan vad var vara varför vi vid vill är åt över idag""",
    "da": """af alle alt at bare blev blive da de dem den der deres det dette dig din du efter eller en end er et
        for fra få får ham han har hej hun hvad hvis hvor hvorfor i igen ikke ind jeg jer kan man med meget men
        mere mig min mit mod ned noget nu når og også om op os over på selv sig sin skal som så tak til ud under
        var ved vi vil være""",
    "no": """alle alt at av bare ble bli da de dem den der det dette deg din du der eller en enn er et etter for
        fra få får ha hadde han har hei henne hun hva hvis hvor hvorfor i igjen ikke inn jeg kan kunne man med meg
        meget men mer min mot noe nå når og også om opp oss over på seg selv sin skal som så takk til ut var ved
        vi vil være""",
    "pl": """aby ale bardzo bez bo by być było co czy dla do gdy gdzie go i ich ile ja jak jako jest jestem już
        każdy kiedy kto który która które ma mam mi mnie może można na nad nam nas nic nie niż o od on ona oni
        oraz po pod przez przy są się tak także tam te tego tej ten to tu tylko tym u w was we więc wszystko z za
        ze że żeby dzień dobry dziękuję""",
    "tr": """acaba ama artık aslında az bana bazı ben beni benim bir biri biz bu bunu böyle bütün da daha de defa
        değil diye en gibi hem hep hepsi her hiç ile ise için kadar ki kim mi mu mı mü nasıl ne neden nerede o
        olan olarak oldu olduğu ona onu onun sen siz sonra tüm var ve veya ya yani yok çok çünkü şey şu
        teşekkürler merhaba""",
    "ru": """а без был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее если
        есть еще же за здесь и из или им их к как когда кто ли мне может мой мы на над надо нас не него нет ни но
        ну о об он она они от очень по под после почему при с со так также там тем то тоже только у уже чего чем
        что чтобы это этот я спасибо здравствуйте""",
}

ENGLISH = frozenset(_BY_LANGUAGE["en"].split())
"""In lower case."""
STOP_WORDS = {language: ENGLISH.union(words.split()) for language, words in _BY_LANGUAGE.items()}
"""By language (ISO 639-1), with the English ones, which turn up in texts of every language."""

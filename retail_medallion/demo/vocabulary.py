"""Words the invented people, places and goods are made of. Nobody and nothing here exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from retail_medallion.demo.dice import Dice


@dataclass(frozen=True)
class Country:
    """What addresses and people of a country look like.

    Attributes:
        code: ISO 3166-1 alpha-2 code.
        spellings: What else people write for it.
        locale: Language and country of its people.
        given: Given names, female and male in turn.
        family: Family names.
        towns: Pairs of town and post code.
        streets: Streets.
        phone: Makes a mobile number in the national form.
        prefix: Country calling code.
        domain: Top-level domain.
        vat: Standard and reduced rate in hundredths of a percent.
    """

    code: str
    spellings: Sequence[str]
    locale: str
    given: Sequence[str]
    family: Sequence[str]
    towns: Sequence[tuple[str, str]]
    streets: Sequence[str]
    phone: Callable[[Dice], str]
    prefix: str
    domain: str
    vat: tuple[int, int]


def _mobile(lead: str, count: int) -> Callable[[Dice], str]:
    return lambda dice: lead + dice.digits(count)


COUNTRIES: Mapping[str, Country] = {
    country.code: country
    for country in (
        Country(
            "DE",
            ("Deutschland", "Germany", "DEU", "de", " DE "),
            "de_DE",
            (
                "Anneliese",
                "Jörg",
                "Käthe",
                "Günter",
                "Frieda",
                "Björn",
                "Ilse",
                "Götz",
                "Mareike",
                "Lütje",
                "Svenja",
                "Tönnies",
            ),
            (
                "Müllerschön",
                "Großkopf",
                "Weißhaupt",
                "Böttcher",
                "Kühlwein",
                "Schäfer",
                "Öhlmann",
                "Nußbaum",
                "Null",
                "Jürgensen",
            ),
            (
                ("Lübeck", "23552"),
                ("Göttingen", "37073"),
                ("Köln", "50667"),
                ("Würzburg", "97070"),
                ("Dresden", "01067"),
            ),
            ("Lindenstraße", "Am Mühlbach", "Bäckergasse", "Schlossallee"),
            _mobile("01512", 7),
            "49",
            "de",
            (1900, 700),
        ),
        Country(
            "AT",
            ("Österreich", "Austria", "AUT"),
            "de_AT",
            ("Waltraud", "Florian", "Resi", "Alois", "Marlene", "Xaver"),
            ("Hölzl", "Pöschl", "Kirchgäßner", "Steindl", "Übelacker"),
            (("Wien", "1010"), ("Graz", "8010"), ("Linz", "4020")),
            ("Mariahilfer Gasse", "Am Graben", "Höhenweg"),
            _mobile("0664 ", 7),
            "43",
            "at",
            (2000, 1000),
        ),
        Country(
            "FR",
            ("France", "FRA", "fr"),
            "fr_FR",
            ("Aurélie", "Loïc", "Hélène", "François", "Zoé", "Gaël", "Chloë", "Anaïs"),
            ("D'Argencourt", "Lefèvre-Noël", "Gâtinais", "Brûlé", "Châtelain", "Œuvrard"),
            (("Orléans", "45000"), ("Nîmes", "30000"), ("Besançon", "25000")),
            ("rue de l'Église", "avenue Foch", "quai d'Été"),
            _mobile("06 12 ", 6),
            "33",
            "fr",
            (2000, 550),
        ),
        Country(
            "NL",
            ("Nederland", "Netherlands", "NLD"),
            "nl_NL",
            ("Anouk", "Daniël", "Sanne", "Jeroen", "Fleur", "Sjoerd"),
            ("van der Veen", "'t Hooft", "de Groot", "IJsseldijk"),
            (("Utrecht", "3511 AB"), ("Zwolle", "8011 CD"), ("Delft", "2611 EF")),
            ("Kerkstraat", "Singel", "Coöperatieweg"),
            _mobile("06 1", 7),
            "31",
            "nl",
            (2100, 900),
        ),
        Country(
            "GB",
            ("UK", "United Kingdom", "GBR", "gb"),
            "en_GB",
            ("Siobhán", "Alfie", "Maisie", "Rhys", "Imogen", "Callum"),
            ("O'Shaughnessy", "Smythe-Jones", "MacAlister", "Pryce"),
            (("London", "SW1A 1AA"), ("Leeds", "LS1 4AP"), ("Bath", "BA1 1LZ")),
            ("High Street", "Mill Lane", "Station Road"),
            _mobile("07400 ", 6),
            "44",
            "co.uk",
            (2000, 0),
        ),
        Country(
            "PL",
            ("Polska", "Poland", "POL"),
            "pl_PL",
            ("Łucja", "Paweł", "Małgorzata", "Grzegorz", "Zofia", "Michał"),
            ("Wójcik", "Dąbrowska", "Świętek", "Żółty"),
            (("Łódź", "90-001"), ("Gdańsk", "80-001"), ("Kraków", "30-001")),
            ("ul. Długa", "ul. Świętojańska", "Rynek"),
            _mobile("512 ", 6),
            "48",
            "pl",
            (2300, 500),
        ),
        Country(
            "ES",
            ("España", "Spain", "ESP"),
            "es_ES",
            ("Begoña", "Íñigo", "María José", "Ángel", "Nuria", "Raúl"),
            ("Muñoz Peña", "García-Yagüe", "Ibáñez", "Núñez"),
            (("Cádiz", "11001"), ("León", "24001"), ("Málaga", "29001")),
            ("Calle Mayor", "Plaza de España", "Avenida del Niño"),
            _mobile("612 ", 6),
            "34",
            "es",
            (2100, 1000),
        ),
        Country(
            "SE",
            ("Sverige", "Sweden", "SWE"),
            "sv_SE",
            ("Åsa", "Göran", "Märta", "Håkan", "Linnéa", "Björn"),
            ("Sjöström", "Ångman", "Hägglund", "Löfgren"),
            (("Malmö", "211 20"), ("Västerås", "722 11"), ("Göteborg", "411 03")),
            ("Storgatan", "Kungsgatan", "Åvägen"),
            _mobile("070 1", 6),
            "46",
            "se",
            (2500, 1200),
        ),
    )
}

CUSTOMER_COUNTRIES = (("DE", 620), ("AT", 90), ("FR", 80), ("NL", 60), ("GB", 80), ("PL", 30), ("ES", 25), ("SE", 15))
"""Countries of customers with their weights."""

BRANDS = (
    "Lindenhof",
    "Kårlsson & Døtre",
    "Maison Bélier",
    "Nordlicht",
    "Ferrocarril",
    "Æbletoft",
    "Pièce Unique",
    "Zwölf",
    "Tante Grön",
    "O'Mara",
    "Čapek",
    "Señorío",
    "Brúnn",
    "Fjällräv",
    "Casa Núñez",
    "Weißglut",
)

GROUPS: Sequence[tuple[str, str, Sequence[tuple[str, str, str, int, int, int, Sequence[str]]]]] = (
    (
        "Küche",
        "Kitchen",
        (
            (
                "Töpfe & Pfannen",
                "Pots and pans",
                "st",
                1490,
                14900,
                19,
                ("Kasserolle", "Bratpfanne", "Stieltopf", "Crêpe-Pfanne"),
            ),
            ("Messer", "Knives", "st", 990, 19900, 19, ("Kochmesser", "Brotmesser", "Santoku", "Schälmesser")),
            (
                "Geschirr",
                "Tableware",
                "set",
                1290,
                8900,
                19,
                ("Teller-Set", "Schüsselsatz", "Espresso-Tassen", "Müslischale"),
            ),
            ("Gläser", "Glasses", "set", 790, 4900, 19, ("Weingläser", "Becher", "Sektflöten")),
        ),
    ),
    (
        "Feinkost",
        "Delicatessen",
        (
            ("Käse", "Cheese", "kg", 1290, 4990, 7, ("Gruyère", "Bergkäse", "Münster", "Crottin")),
            ("Kaffee & Tee", "Coffee and tea", "st", 390, 1990, 7, ("Röstkaffee", "Grüntee", "Früchtetee", "Rooibos")),
            ("Öl & Essig", "Oil and vinegar", "l", 690, 3490, 7, ("Olivenöl", "Walnussöl", "Himbeeressig")),
            ("Süßes", "Sweets", "st", 190, 1490, 7, ("Nougat", "Crème-Karamell", "Mandelgebäck", "Trüffel")),
            ("Obst & Gemüse", "Fruit and vegetables", "kg", 149, 990, 7, ("Äpfel", "Möhren", "Birnen", "Kürbis")),
        ),
    ),
    (
        "Wohnen",
        "Living",
        (
            ("Leuchten", "Lamps", "st", 2490, 39900, 19, ("Stehleuchte", "Tischlampe", "Pendelleuchte")),
            ("Textilien", "Textiles", "st", 990, 12900, 19, ("Wolldecke", "Kissenhülle", "Tischläufer", "Vorhang")),
            ("Stoffe vom Ballen", "Fabrics", "m", 690, 5900, 19, ("Leinen", "Baumwolle", "Möbelstoff")),
            ("Kerzen", "Candles", "st", 290, 3900, 19, ("Stumpenkerze", "Duftkerze", "Teelichter")),
        ),
    ),
    (
        "Mode",
        "Fashion",
        (
            ("Strümpfe", "Socks", "paar", 590, 2490, 19, ("Wollsocken", "Kniestrümpfe", "Füßlinge")),
            ("Schürzen", "Aprons", "st", 1490, 5900, 19, ("Kochschürze", "Latzschürze")),
            ("Taschen", "Bags", "st", 990, 18900, 19, ("Einkaufstasche", "Rucksack", "Körbchen")),
        ),
    ),
    (
        "Büro & Papier",
        "Office and paper",
        (
            ("Hefte", "Notebooks", "st", 250, 2990, 19, ("Notizbuch", "Skizzenblock", "Kalender")),
            ("Stifte", "Pens", "st", 120, 9900, 19, ("Füller", "Kugelschreiber", "Buntstifte")),
        ),
    ),
)
"""Main groups and their groups: label in German and English, unit, lowest and highest price in cents, tax, goods."""

ADJECTIVES = ("klassisch", "rustikal", "schmal", "groß", "klein", "hell", "dunkel", "fein", "extra lang", "für Gäste")
COLOURS = ("blau", "grün", "naturweiß", "anthrazit", "rosé", "senfgelb", "schwarz")
MATERIALS = ("Buche", "Edelstahl", "Leinen", "Steinzeug", "Gusseisen", "Wolle", "Glas")
SIZES = ("S", "M", "L", "XL")
COMPANY_ENDINGS = ("GmbH", "& Söhne KG", "S.à r.l.", "Ltd.", "B.V.", "sp. z o.o.", "S.L.", "AB", "& Cie")
CARRIERS = ("DHL", "dpd", "Hermes", "GLS", "Österr. Post")
REASONS = ("zu klein", "defekt", "gefällt nicht", "falsch geliefert", "Geschenk", "n/a", "-")
LOSSES = ("Bruch", "abgelaufen", "Diebstahl", " bruch", "Schwund  ")
PRAISE = ("Großartig!", "Très bien", "Lovely thing.", "Świetny!", "Muy bueno, pero caro", "Så fin", "Passt genau.")
BLAME = ("Zu klein geraten.", "Déçue", "Broke after a week.", "Nie polecam", "No vale", "Kom sönder")

PROVINCES: Mapping[str, tuple[str, str]] = {
    "Lübeck": ("SH", "Schleswig-Holstein"),
    "Göttingen": ("NI", "Niedersachsen"),
    "Köln": ("NW", "Nordrhein-Westfalen"),
    "Würzburg": ("BY", "Bayern"),
    "Dresden": ("SN", "Sachsen"),
    "Wien": ("9", "Wien"),
    "Graz": ("6", "Steiermark"),
    "Linz": ("4", "Oberösterreich"),
    "Orléans": ("CVL", "Centre-Val de Loire"),
    "Nîmes": ("OCC", "Occitanie"),
    "Besançon": ("BFC", "Bourgogne-Franche-Comté"),
    "Utrecht": ("UT", "Utrecht"),
    "Zwolle": ("OV", "Overijssel"),
    "Delft": ("ZH", "Zuid-Holland"),
    "London": ("LND", "London, City of"),
    "Leeds": ("LDS", "Leeds"),
    "Bath": ("BAS", "Bath and North East Somerset"),
    "Łódź": ("10", "Łódzkie"),
    "Gdańsk": ("22", "Pomorskie"),
    "Kraków": ("12", "Małopolskie"),
    "Cádiz": ("CA", "Cádiz"),
    "León": ("LE", "León"),
    "Málaga": ("MA", "Málaga"),
    "Malmö": ("M", "M"),
    "Västerås": ("U", "U"),
    "Göteborg": ("O", "O"),
}
"""The province of each town: its code, and its name as people write it."""
ASKING = (
    " Fragen an <b>kunde@mail.example</b>.",
    " Ruft mich an: 01512 3456789.",
    " Bilder auf Anfrage &amp; gern.",
)
"""What people add to an opinion that everybody can read."""

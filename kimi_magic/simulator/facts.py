"""True records of nature and places that lessons like to ask for. Data only: `subjects` reads them.

The names of a column are all that a property may be called; the first one carries the unit. Figures are
rounded as encyclopaedias give them; populations are those within the city limits, about 2022 to 2024.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Records on one subject. The first column names a record.

    `about` makes a sentence of a record. `whole`: these are all there are, in their order. `drawn`: the
    records are examples of many, so that more of the kind may be invented.
    """

    pattern: re.Pattern[str]
    columns: tuple[str, ...]
    about: str
    rows: tuple[tuple[Any, ...], ...]
    whole: bool = False
    drawn: bool = False


def words(pattern: str) -> re.Pattern[str]:
    """A pattern of whole words, in any case."""
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


CAPITALS = Table(
    words(r"capitals?"),
    (
        *("city name capital town", "country nation state", "population inhabitants people residents"),
        *("language", "currency", "river", "continent region", "latitude lat", "longitude lon lng"),
    ),
    "{city} is the capital of {country} and lies on the {river}.",
    (
        ("Paris", "France", 2_102_650, "French", "EUR", "Seine", "Europe", 48.86, 2.35),
        ("Berlin", "Germany", 3_677_472, "German", "EUR", "Spree", "Europe", 52.52, 13.41),
        ("Rome", "Italy", 2_748_109, "Italian", "EUR", "Tiber", "Europe", 41.9, 12.5),
        ("Madrid", "Spain", 3_332_035, "Spanish", "EUR", "Manzanares", "Europe", 40.42, -3.7),
        ("Vienna", "Austria", 2_005_760, "German", "EUR", "Danube", "Europe", 48.21, 16.37),
        ("Lisbon", "Portugal", 567_131, "Portuguese", "EUR", "Tagus", "Europe", 38.72, -9.14),
        ("Warsaw", "Poland", 1_861_599, "Polish", "PLN", "Vistula", "Europe", 52.23, 21.01),
        ("Prague", "Czechia", 1_384_732, "Czech", "CZK", "Vltava", "Europe", 50.08, 14.44),
        ("Budapest", "Hungary", 1_686_222, "Hungarian", "HUF", "Danube", "Europe", 47.5, 19.04),
        ("London", "United Kingdom", 8_866_180, "English", "GBP", "Thames", "Europe", 51.51, -0.13),
        ("Dublin", "Ireland", 592_713, "English", "EUR", "Liffey", "Europe", 53.35, -6.26),
        ("Amsterdam", "Netherlands", 931_298, "Dutch", "EUR", "Amstel", "Europe", 52.37, 4.9),
        ("Belgrade", "Serbia", 1_197_714, "Serbian", "RSD", "Danube", "Europe", 44.79, 20.45),
        ("Bratislava", "Slovakia", 475_503, "Slovak", "EUR", "Danube", "Europe", 48.15, 17.11),
        ("Moscow", "Russia", 13_104_177, "Russian", "RUB", "Moskva", "Europe", 55.76, 37.62),
        ("Kyiv", "Ukraine", 2_952_301, "Ukrainian", "UAH", "Dnipro", "Europe", 50.45, 30.52),
        ("Riga", "Latvia", 605_273, "Latvian", "EUR", "Daugava", "Europe", 56.95, 24.11),
    ),
)
CITIES = Table(
    words(r"cit(?:y|ies)|towns?"),
    (
        *("city name town", "country nation state", "population inhabitants people residents"),
        *("language", "currency", "river", "continent region", "latitude lat", "longitude lon lng"),
    ),
    "{city} is a city in {country}.",
    (
        ("Turin", "Italy", 841_600, "Italian", "EUR", "Po", "Europe", 45.07, 7.69),
        ("Bergen", "Norway", 291_940, "Norwegian", "NOK", None, "Europe", 60.39, 5.32),
        ("Porto", "Portugal", 231_800, "Portuguese", "EUR", "Douro", "Europe", 41.15, -8.61),
        ("Kyoto", "Japan", 1_463_723, "Japanese", "JPY", "Kamo", "Asia", 35.01, 135.77),
        ("Lagos", "Nigeria", 15_388_000, "English", "NGN", None, "Africa", 6.52, 3.38),
        ("Guayaquil", "Ecuador", 2_746_403, "Spanish", "USD", "Guayas", "South America", -2.17, -79.92),
        ("Cusco", "Peru", 428_450, "Spanish", "PEN", "Huatanay", "South America", -13.53, -71.97),
        ("Lyon", "France", 522_250, "French", "EUR", "Rhône", "Europe", 45.76, 4.84),
        *CAPITALS.rows,
    ),
)
COUNTRIES = Table(
    words(r"countr(?:y|ies)|nations?"),
    (
        *("country name nation", "capital city", "population inhabitants people", "area_km2 size surface"),
        *("continent region", "language", "currency", "country_code iso code"),
    ),
    "{country} lies in {continent}; its capital is {capital}.",
    (
        ("Japan", "Tokyo", 124_500_000, 377_975, "Asia", "Japanese", "JPY", "JP"),
        ("Brazil", "Brasília", 203_100_000, 8_515_767, "South America", "Portuguese", "BRL", "BR"),
        ("Kenya", "Nairobi", 52_400_000, 580_367, "Africa", "Swahili", "KES", "KE"),
        ("Canada", "Ottawa", 40_100_000, 9_984_670, "North America", "English", "CAD", "CA"),
        ("France", "Paris", 68_200_000, 643_801, "Europe", "French", "EUR", "FR"),
        ("Australia", "Canberra", 26_600_000, 7_692_024, "Oceania", "English", "AUD", "AU"),
        ("Egypt", "Cairo", 105_900_000, 1_002_450, "Africa", "Arabic", "EGP", "EG"),
        ("Norway", "Oslo", 5_550_000, 385_207, "Europe", "Norwegian", "NOK", "NO"),
        ("Mexico", "Mexico City", 129_700_000, 1_964_375, "North America", "Spanish", "MXN", "MX"),
        ("Vietnam", "Hanoi", 100_300_000, 331_212, "Asia", "Vietnamese", "VND", "VN"),
        ("Peru", "Lima", 33_700_000, 1_285_216, "South America", "Spanish", "PEN", "PE"),
        ("Germany", "Berlin", 84_400_000, 357_588, "Europe", "German", "EUR", "DE"),
        ("India", "New Delhi", 1_428_600_000, 3_287_263, "Asia", "Hindi", "INR", "IN"),
        ("Italy", "Rome", 58_900_000, 302_073, "Europe", "Italian", "EUR", "IT"),
        ("Nigeria", "Abuja", 223_800_000, 923_768, "Africa", "English", "NGN", "NG"),
        ("Poland", "Warsaw", 37_600_000, 312_696, "Europe", "Polish", "PLN", "PL"),
        ("China", "Beijing", 1_412_000_000, 9_596_960, "Asia", "Mandarin", "CNY", "CN"),
        (
            "United States",
            "Washington, D.C.",
            334_900_000,
            9_833_517,
            "North America",
            "English",
            "USD",
            "US",
        ),
        ("Indonesia", "Jakarta", 277_500_000, 1_904_569, "Asia", "Indonesian", "IDR", "ID"),
        ("Pakistan", "Islamabad", 240_500_000, 796_095, "Asia", "Urdu", "PKR", "PK"),
        ("Argentina", "Buenos Aires", 46_700_000, 2_780_400, "South America", "Spanish", "ARS", "AR"),
    ),
)
PLANETS = Table(
    words("planets?|solar system"),
    (
        *("planet name", "diameter_km size", "moons satellites", "distance_km", "kind type category class"),
        *("mass_kg weight", "gravity_m acceleration", "orbital_period_days period year_length orbit"),
        *("has_rings rings is_ringed ringed", "temperature_c mean_temperature", "position order rank number"),
    ),
    "{planet} is {distance_km:,} km from the Sun; known moons: {moons}.",
    (
        ("Mercury", 4_879, 0, 57_900_000, "terrestrial", 3.30e23, 3.7, 88.0, False, 167, 1),
        ("Venus", 12_104, 0, 108_200_000, "terrestrial", 4.87e24, 8.9, 224.7, False, 464, 2),
        ("Earth", 12_756, 1, 149_600_000, "terrestrial", 5.97e24, 9.8, 365.2, False, 15, 3),
        ("Mars", 6_792, 2, 228_000_000, "terrestrial", 6.42e23, 3.7, 687.0, False, -65, 4),
        ("Jupiter", 142_984, 97, 778_500_000, "gas giant", 1.898e27, 23.1, 4331.0, True, -110, 5),
        ("Saturn", 120_536, 274, 1_432_000_000, "gas giant", 5.68e26, 9.0, 10747.0, True, -140, 6),
        ("Uranus", 51_118, 29, 2_867_000_000, "ice giant", 8.68e25, 8.7, 30589.0, True, -195, 7),
        ("Neptune", 49_528, 16, 4_515_000_000, "ice giant", 1.02e26, 11.0, 59800.0, True, -200, 8),
    ),
    whole=True,
)
RIVERS = Table(
    words("rivers?"),
    ("river name", "length_km", "country countries source", "continent region", "mouth outflow sea ocean"),
    "The {river} is {length_km:,} km long and flows into the {mouth}.",
    (
        ("Nile", 6_650, ["Egypt", "Sudan", "Uganda"], "Africa", "Mediterranean Sea"),
        ("Amazon", 6_400, ["Brazil", "Peru", "Colombia"], "South America", "Atlantic Ocean"),
        ("Yangtze", 6_300, ["China"], "Asia", "East China Sea"),
        ("Mississippi", 3_766, ["United States"], "North America", "Gulf of Mexico"),
        ("Yenisei", 3_487, ["Russia", "Mongolia"], "Asia", "Kara Sea"),
        ("Congo", 4_700, ["DR Congo", "Republic of the Congo"], "Africa", "Atlantic Ocean"),
        ("Mekong", 4_350, ["China", "Laos", "Thailand", "Cambodia", "Vietnam"], "Asia", "South China Sea"),
        ("Volga", 3_530, ["Russia"], "Europe", "Caspian Sea"),
        ("Danube", 2_850, ["Germany", "Austria", "Hungary", "Serbia", "Romania"], "Europe", "Black Sea"),
        ("Murray", 2_508, ["Australia"], "Oceania", "Southern Ocean"),
        ("Rhine", 1_233, ["Switzerland", "Germany", "Netherlands"], "Europe", "North Sea"),
        ("Loire", 1_006, ["France"], "Europe", "Atlantic Ocean"),
    ),
)
ELEMENTS = Table(
    words("(?:chemical )?elements?"),
    (
        *("element name", "symbol", "atomic_number number protons", "atomic_mass_u mass weight"),
        *("category kind type group class", "state phase", "discovered year"),
    ),
    "{element} ({symbol}) is element number {atomic_number}.",
    (
        ("Hydrogen", "H", 1, 1.008, "nonmetal", "gas", 1766),
        ("Helium", "He", 2, 4.0026, "noble gas", "gas", 1868),
        ("Lithium", "Li", 3, 6.94, "alkali metal", "solid", 1817),
        ("Carbon", "C", 6, 12.011, "nonmetal", "solid", -3750),
        ("Nitrogen", "N", 7, 14.007, "nonmetal", "gas", 1772),
        ("Oxygen", "O", 8, 15.999, "nonmetal", "gas", 1774),
        ("Sodium", "Na", 11, 22.99, "alkali metal", "solid", 1807),
        ("Iron", "Fe", 26, 55.845, "transition metal", "solid", -3500),
        ("Copper", "Cu", 29, 63.546, "transition metal", "solid", -9000),
        ("Silver", "Ag", 47, 107.87, "transition metal", "solid", -3000),
        ("Gold", "Au", 79, 196.97, "transition metal", "solid", -4000),
        ("Mercury", "Hg", 80, 200.59, "transition metal", "liquid", -1500),
    ),
)
# Single birds as in the Palmer Penguins data (Gorman et al. 2014, CC0); names and ages are invented.
PENGUINS = Table(
    words("penguins?"),
    (
        *(
            "name penguin nickname",
            "species kind",
            "island location",
            "bill_length_mm beak_length culmen_length",
        ),
        *("bill_depth_mm beak_depth culmen_depth", "flipper_length_mm flipper wing_length"),
        *("body_mass_g mass weight", "sex gender", "year", "is_male male", "habitat continent region"),
        "age_years",
    ),
    "{name} is a {species} penguin of {island} island and weighs {body_mass_g} g.",
    (
        ("Pip", "Adelie", "Torgersen", 39.1, 18.7, 181, 3750, "male", 2007, True, "Antarctica", 4),
        ("Luna", "Chinstrap", "Dream", 46.5, 17.9, 192, 3500, "female", 2007, False, "Antarctica", 7),
        ("Nilo", "Gentoo", "Biscoe", 50.0, 16.3, 230, 5700, "male", 2007, True, "Antarctica", 3),
        ("Ona", "Adelie", "Torgersen", 39.5, 17.4, 186, 3800, "female", 2007, False, "Antarctica", 9),
        ("Bruno", "Chinstrap", "Dream", 50.0, 19.5, 196, 3900, "male", 2007, True, "Antarctica", 5),
        ("Freya", "Gentoo", "Biscoe", 46.1, 13.2, 211, 4500, "female", 2007, False, "Antarctica", 2),
        ("Kes", "Adelie", "Torgersen", 40.3, 18.0, 195, 3250, "female", 2007, False, "Antarctica", 6),
        ("Timo", "Chinstrap", "Dream", 51.3, 19.2, 193, 3650, "male", 2007, True, "Antarctica", 8),
        ("Wilma", "Gentoo", "Biscoe", 48.7, 14.1, 210, 4450, "female", 2007, False, "Antarctica", 3),
        ("Aki", "Adelie", "Torgersen", 39.3, 20.6, 190, 3650, "male", 2007, True, "Antarctica", 11),
        ("Sol", "Chinstrap", "Dream", 45.4, 18.7, 188, 3525, "female", 2007, False, "Antarctica", 4),
        ("Otto", "Gentoo", "Biscoe", 50.0, 15.2, 218, 5700, "male", 2007, True, "Antarctica", 6),
        ("Mika", "Adelie", "Torgersen", 36.7, 19.3, 193, 3450, "female", 2007, False, "Antarctica", 5),
    ),
    drawn=True,
)
MOUNTAINS = Table(
    words("mountains?|peaks?|summits?"),
    ("mountain name peak", "height_m elevation altitude", "country countries", "range", "first_ascent year"),
    "{mountain} is {height_m:,} m high.",
    (
        ("Mount Everest", 8_849, ["Nepal", "China"], "Himalayas", 1953),
        ("K2", 8_611, ["Pakistan", "China"], "Karakoram", 1954),
        ("Kangchenjunga", 8_586, ["Nepal", "India"], "Himalayas", 1955),
        ("Lhotse", 8_516, ["Nepal", "China"], "Himalayas", 1956),
        ("Makalu", 8_485, ["Nepal", "China"], "Himalayas", 1955),
        ("Aconcagua", 6_961, ["Argentina"], "Andes", 1897),
        ("Denali", 6_190, ["United States"], "Alaska Range", 1913),
        ("Kilimanjaro", 5_895, ["Tanzania"], "Eastern Rift", 1889),
        ("Mont Blanc", 4_806, ["France", "Italy"], "Alps", 1786),
        ("Matterhorn", 4_478, ["Switzerland", "Italy"], "Alps", 1865),
        ("Mount Fuji", 3_776, ["Japan"], "Fuji Volcanic Zone", 663),
        ("Ben Nevis", 1_345, ["United Kingdom"], "Grampians", 1771),
        ("Zugspitze", 2_962, ["Germany", "Austria"], "Alps", 1820),
    ),
)
ANIMALS = Table(
    words("animals?|species|wildlife"),
    ("animal name common_name species", "scientific_name latin_name binomial",
     "class kind type group category",
     "diet food", "habitat region", "weight_kg mass body_mass", "lifespan_years life_expectancy age", "legs",
     "can_fly flies", "is_mammal mammal", "top_speed_km speed"),
    "The {animal} ({scientific_name}) lives in {habitat}.",
    (
        ("African elephant", "Loxodonta africana", "mammal", "herbivore", "savanna", 6000, 65, 4, False,
         True, 40),
        ("Grey wolf", "Canis lupus", "mammal", "carnivore", "forest", 40, 13, 4, False, True, 60),
        ("Peregrine falcon", "Falco peregrinus", "bird", "carnivore", "cliffs", 0.9, 15, 2, True, False, 320),
        ("Green sea turtle", "Chelonia mydas", "reptile", "herbivore", "ocean", 160, 70, 4, False, False, 35),
        ("Emperor penguin", "Aptenodytes forsteri", "bird", "carnivore", "Antarctica", 30, 20, 2, False,
         False, 9),
        ("Blue whale", "Balaenoptera musculus", "mammal", "carnivore", "ocean", 140000, 85, 0, False, True,
         48),
        ("Common frog", "Rana temporaria", "amphibian", "carnivore", "wetland", 0.023, 10, 4, False, False,
         8),
        ("Koala", "Phascolarctos cinereus", "mammal", "herbivore", "forest", 10, 15, 4, False, True, 30),
        ("Cheetah", "Acinonyx jubatus", "mammal", "carnivore", "savanna", 50, 12, 4, False, True, 104),
        ("Monarch butterfly", "Danaus plexippus", "insect", "herbivore", "meadow", 0.0005, 1, 6, True,
         False, 9),
    ),
)  # fmt: skip

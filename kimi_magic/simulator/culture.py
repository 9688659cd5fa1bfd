"""True records of what people made: languages, books, companies, science, a quiz. As `facts`, data only."""

from __future__ import annotations

from .facts import (
    ANIMALS,
    CAPITALS,
    CITIES,
    COUNTRIES,
    ELEMENTS,
    MOUNTAINS,
    PENGUINS,
    PLANETS,
    RIVERS,
    Table,
    words,
)  # fmt: skip

LANGUAGES = Table(
    words("(?:programming|computer|scripting) languages?"),
    (
        *("language name title", "year first_appeared appeared released created", "typing type_system type"),
        *("creator author designer inventor developer created_by", "paradigm kind category", "website url"),
    ),
    "{language} was made by {creator} and first appeared in {year}.",
    (
        ("Python", 1991, "dynamic", "Guido van Rossum", "object-oriented", "https://www.python.org"),
        ("C", 1972, "static", "Dennis Ritchie", "imperative", "https://www.c-language.org"),
        ("Java", 1995, "static", "James Gosling", "object-oriented", "https://dev.java"),
        ("JavaScript", 1995, "dynamic", "Brendan Eich", "event-driven", "https://ecma-international.org"),
        ("Haskell", 1990, "static", "a committee", "functional", "https://www.haskell.org"),
        ("Ruby", 1995, "dynamic", "Yukihiro Matsumoto", "object-oriented", "https://www.ruby-lang.org"),
        ("Rust", 2012, "static", "Graydon Hoare", "multi-paradigm", "https://www.rust-lang.org"),
        ("Go", 2009, "static", "Griesemer, Pike, Thompson", "concurrent", "https://go.dev"),
        ("Lisp", 1958, "dynamic", "John McCarthy", "functional", "https://lisp-lang.org"),
        ("Julia", 2012, "dynamic", "Bezanson, Karpinski, Shah, Edelman", "numeric", "https://julialang.org"),
    ),
)
BOOKS = Table(
    words("books?|novels?|classics"),
    ("title name book", "author writer", "year published publication_year", "genre category", "language",
     "country", "pages page_count length"),
    "{title} by {author} came out in {year}.",
    (
        ("Pride and Prejudice", "Jane Austen", 1813, "romance", "English", "United Kingdom", 432),
        ("Moby-Dick", "Herman Melville", 1851, "adventure", "English", "United States", 635),
        ("War and Peace", "Leo Tolstoy", 1869, "historical novel", "Russian", "Russia", 1225),
        ("Frankenstein", "Mary Shelley", 1818, "gothic", "English", "United Kingdom", 280),
        ("Don Quixote", "Miguel de Cervantes", 1605, "satire", "Spanish", "Spain", 863),
        ("The Trial", "Franz Kafka", 1925, "modernist", "German", "Germany", 255),
        ("Things Fall Apart", "Chinua Achebe", 1958, "historical novel", "English", "Nigeria", 209),
        ("Nineteen Eighty-Four", "George Orwell", 1949, "dystopia", "English", "United Kingdom", 328),
        ("Madame Bovary", "Gustave Flaubert", 1857, "realism", "French", "France", 374),
        ("Kokoro", "Natsume Sōseki", 1914, "modernist", "Japanese", "Japan", 248),
    ),
)  # fmt: skip
COMPANIES = Table(
    words(r"compan(?:y|ies)|stocks?|tickers?"),
    ("ticker symbol stock", "company name firm", "sector industry branch", "founded year founding_year",
     "country headquarters_country", "headquarters city"),
    "{company} was founded in {founded} and works in {sector}.",
    (
        ("IBM", "IBM", "computers", 1911, "United States", "Armonk"),
        ("AAPL", "Apple", "consumer electronics", 1976, "United States", "Cupertino"),
        ("MSFT", "Microsoft", "software", 1975, "United States", "Redmond"),
        ("XRX", "Xerox", "printing", 1906, "United States", "Norwalk"),
        ("AMZN", "Amazon", "retail", 1994, "United States", "Seattle"),
        ("DELL", "Dell", "computers", 1984, "United States", "Round Rock"),
        ("GOOGL", "Alphabet", "internet", 1998, "United States", "Mountain View"),
        ("ADBE", "Adobe", "software", 1982, "United States", "San Jose"),
        ("SAP", "SAP", "software", 1972, "Germany", "Walldorf"),
        ("SONY", "Sony", "consumer electronics", 1946, "Japan", "Tokyo"),
    ),
)  # fmt: skip
SCIENTISTS = Table(
    words("scientists?"),
    ("name scientist person full_name", "field discipline subject area", "born birth_year year",
     "country nationality birthplace", "known_for discovery achievement contribution", "died death_year"),
    "{name} was born in {born} and is known for {known_for}.",
    (
        ("Marie Curie", "physics", 1867, "Poland", "radioactivity", 1934),
        ("Albert Einstein", "physics", 1879, "Germany", "the theory of relativity", 1955),
        ("Ada Lovelace", "mathematics", 1815, "United Kingdom", "the first published program", 1852),
        ("Charles Darwin", "biology", 1809, "United Kingdom", "natural selection", 1882),
        ("Emmy Noether", "mathematics", 1882, "Germany", "Noether's theorem", 1935),
        ("Galileo Galilei", "astronomy", 1564, "Italy", "observations with the telescope", 1642),
        ("Rosalind Franklin", "chemistry", 1920, "United Kingdom", "X-ray images of DNA", 1958),
        ("Alan Turing", "computer science", 1912, "United Kingdom", "the Turing machine", 1954),
        ("Srinivasa Ramanujan", "mathematics", 1887, "India", "number theory", 1920),
        ("Katherine Johnson", "mathematics", 1918, "United States", "orbital mechanics", 2020),
    ),
)  # fmt: skip
QUIZ = Table(
    words("quiz(?:zes)?|trivia|flash ?cards?|exam questions?|quiz questions?"),
    ("question prompt front text", "answer correct_answer solution back", "options choices answers",
     "category topic subject", "difficulty level", "correct_index answer_index", "explanation reason hint"),
    "{question} {answer}.",
    (
        ("Which planet is the largest?", "Jupiter", ["Mars", "Jupiter", "Venus", "Earth"], "science",
         "easy", 1,
         "Jupiter is more than twice as heavy as all the other planets together."),
        ("What is the square root of 144?", "12", ["12", "14", "11", "16"], "mathematics", "easy", 0,
         "12 times 12 is 144."),
        ("Which gas do plants take in?", "Carbon dioxide", ["Oxygen", "Nitrogen", "Carbon dioxide", "Helium"],
         "science", "easy", 2, "Plants build sugar from carbon dioxide and water."),
        ("What is the capital of Norway?", "Oslo", ["Bergen", "Oslo", "Stockholm", "Helsinki"], "geography",
         "easy", 1, "Oslo has been the capital since 1814."),
        ("In which year did people first walk on the Moon?", "1969", ["1959", "1965", "1969", "1972"],
         "history",
         "easy", 2, "Apollo 11 landed in July 1969."),
        ("Who wrote Frankenstein?", "Mary Shelley", ["Jane Austen", "Emily Brontë", "Bram Stoker",
         "Mary Shelley"],
         "literature", "medium", 3, "Mary Shelley published it in 1818."),
        ("How many bones has an adult human?", "206", ["206", "186", "226", "256"], "biology", "medium", 0,
         "Children have more; some grow together."),
        ("Which element has the symbol Fe?", "Iron", ["Gold", "Iron", "Lead", "Tin"], "chemistry", "easy", 1,
         "Fe stands for ferrum, the Latin word for iron."),
        ("How many moons does Mars have?", "Two", ["None", "One", "Two", "Four"], "science", "medium", 2,
         "They are called Phobos and Deimos."),
        ("Which is the smallest prime number?", "2", ["0", "1", "2", "3"], "mathematics", "medium", 2,
         "1 has only one divisor and is no prime."),
    ),
)  # fmt: skip
# In the order in which they are tried: the special before the general.
TABLES = (
    QUIZ, PENGUINS, COMPANIES, LANGUAGES, CAPITALS, PLANETS, RIVERS, MOUNTAINS, ELEMENTS, BOOKS, SCIENTISTS,
    ANIMALS,
    COUNTRIES, CITIES,
)  # fmt: skip

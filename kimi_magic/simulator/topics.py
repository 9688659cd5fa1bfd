"""What the simulator knows by heart: a few questions with good answers. Texts only; `answers` chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One answer in three sizes, and what the reasoning says about it.

    `word` and `sentences` serve requests for one word or a few sentences, `body` all others.
    """

    pattern: re.Pattern[str]
    plan: str
    word: str
    sentences: tuple[str, ...]
    body: str


def _topic(pattern: str, plan: str, word: str, sentences: tuple[str, ...], body: str) -> Topic:
    return Topic(re.compile(pattern, re.IGNORECASE), plan, word, sentences, body.strip("\n"))


_SKY = """
The sky is blue because air scatters short wavelengths of sunlight far more strongly than long ones. \
This is **Rayleigh scattering**: for particles much smaller than the wavelength, the scattered intensity \
grows as

$$
I \\propto \\frac{1}{\\lambda^4}
$$

so blue light of 450 nm is scattered about four times as strongly as red light of 650 nm. Three things \
follow from this:

- *Overhead*, scattered blue light reaches the eye from every direction.
- *At sunset*, the light crosses much more air; most of the blue is lost on the way and red remains.
- *Violet* is scattered even more, but the sun sends less of it and our eyes are less sensitive to it.
"""

_MOONS = """
The four largest moons of Jupiter were seen by Galileo in 1610:

1. **Io**, the most volcanic body in the solar system
2. **Europa**, with an ocean under its ice
3. **Ganymede**, larger than the planet Mercury
4. **Callisto**, old and heavily cratered
"""

_PYTHON_TABLE = """
The four collections of Python differ in order, in whether they can change, and in what they may hold:

| Type    | Ordered | Can change | Duplicates       | Written as      |
| ------- | :-----: | :--------: | ---------------- | --------------- |
| `list`  |   yes   |    yes     | allowed          | `[1, 2, 2]`     |
| `tuple` |   yes   |     no     | allowed          | `(1, 2, 2)`     |
| `set`   |   no    |    yes     | removed          | `{1, 2}`        |
| `dict`  |   yes   |    yes     | not for keys     | `{"a": 1}`      |

Use a `list` for things of one kind, a `tuple` for a record that stays as it is, a `set` to ask *is it in \
there?*, and a `dict` to look something up by name.
"""

_PLANET_TABLE = """
The one comparison I know by heart is that of the four inner planets:

| Planet  | Diameter (km) | Rotation | Year (days) | Moons |
| ------- | ------------: | -------- | ----------: | ----: |
| Mercury |         4,879 | 58.6 d   |          88 |     0 |
| Venus   |        12,104 | 243 d    |         225 |     0 |
| Earth   |        12,756 | 23.9 h   |         365 |     1 |
| Mars    |         6,792 | 24.6 h   |         687 |     2 |

Two of them stand out: **Venus** turns more slowly than it travels around the sun, and **Mars** has a day \
that is almost ours.
"""

_FIBONACCI = """
A generator keeps the two last numbers and hands out one after the other:

```python
def fibonacci(count: int):
    \"\"\"Yield the first `count` Fibonacci numbers.\"\"\"
    a, b = 0, 1
    for _ in range(count):
        yield a
        a, b = b, a + b


print(list(fibonacci(10)))  # [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
```

It needs constant memory, and the caller decides how many numbers to take.
"""

_PRIMES = """
Here is a small Python function, the *sieve of Eratosthenes*:

```python
def primes(limit: int) -> list[int]:
    \"\"\"Return all primes up to and including `limit`.\"\"\"
    is_prime = [True] * (limit + 1)
    is_prime[:2] = [False] * min(2, limit + 1)
    for n in range(2, int(limit**0.5) + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = [False] * len(is_prime[n * n :: n])
    return [n for n, prime in enumerate(is_prime) if prime]


print(primes(30))  # [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
```

- Every multiple of a prime is crossed out, starting at its square.
- The work grows as $n \\log \\log n$, so a million takes a fraction of a second.
"""

_QUADRATIC = """
Every quadratic equation $ax^2 + bx + c = 0$ with $a \\neq 0$ is solved by completing the square:

$$
x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}
$$

The *discriminant* $D = b^2 - 4ac$ tells how many real solutions there are: two if $D > 0$, one if $D = 0$, \
none if $D < 0$.

**Example.** For $x^2 - 5x + 6 = 0$ we have $D = 25 - 24 = 1$, hence $x = \\frac{5 \\pm 1}{2}$, that is \
$x = 2$ or $x = 3$.
"""

_INTEGRAL = """
A beautiful integral to know is the **Gaussian** one:

$$
I = \\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi}
$$

The function has no elementary antiderivative, but the *square* of the integral is easy in polar \
coordinates:

$$
I^2 = \\int_0^{2\\pi}\\int_0^{\\infty} e^{-r^2}\\, r\\,dr\\,d\\theta = 2\\pi \\cdot \\frac{1}{2} = \\pi
$$

Since $I > 0$, it follows that $I = \\sqrt{\\pi} \\approx 1.7725$.
"""

_WHO = """
I am the **offline simulator** of the Kimi thinking models. I speak the same protocol as the real service, \
down to its errors, but I do not think: what I say comes from a small set of prepared texts.

That makes me useful for three things:

- *learning*, because every example works without a key and costs nothing;
- *testing*, because the same question always gets the same answer;
- *practice with failure*, because I can be told to go wrong in many ways.
"""

_HELLO = """
Hello! 👋 You have reached the **offline simulator**. It costs nothing and needs no key.

Try *why is the sky blue?*, ask for a **table**, for some `Python` code, or for an integral such as \
$\\int_0^1 x^2\\,dx$.
"""

# two spaces at the end of a line are a line break in Markdown
_HAIKU = "Grey breath on the hill,  \nthe harbour bells lose their ships  \nand find them again."

TOPICS = (
    _topic(
        r"\bsky\b.*\bblue\b|\bblue\b.*\bsky\b",
        "This is about Rayleigh scattering: the strength falls with the fourth power of the wavelength. "
        "I should name the effect, give the formula, and say why sunsets are red and why it is not violet.",
        "Scattering",
        (
            "The sky is blue because air scatters short waves of light much more strongly than long ones.",
            "At sunset the light crosses so much air that most of the blue is lost, and the red remains.",
            "Violet is scattered even more, but the sun sends less of it and our eyes see it less well.",
        ),
        _SKY,
    ),
    _topic(
        r"\bmoons?\b.*\bjupiter\b|\bjupiter\b.*\bmoons?\b",
        "The Galilean moons are the obvious choice: Io, Europa, Ganymede, Callisto, in this order outwards.",
        "Ganymede",
        (
            "The best known moons of Jupiter are Io, Europa and Ganymede.",
            "Callisto is the fourth of those that Galileo saw in 1610.",
            "Ganymede is larger than the planet Mercury.",
        ),
        _MOONS,
    ),
    _topic(
        r"\bhaiku\b|\bpoem\b",
        "A haiku wants five, seven and five syllables and one picture. Fog over a harbour will do.",
        "Fog",
        ("Grey breath on the hill, the harbour bells lose their ships, and find them again.",),
        _HAIKU,
    ),
    _topic(
        r"\bfibonacci\b",
        "A generator with two variables is the clearest way; I will show the first ten numbers as a check.",
        "Generator",
        (
            "Keep the last two numbers and add them to get the next.",
            "In Python a generator does this in three lines.",
        ),
        _FIBONACCI,
    ),
    _topic(
        r"\b(list|tuple|dict|set)s?\b.*\b(list|tuple|dict|set)s?\b|\bcollections?\b",
        "They want the Python collections side by side. A table with order, mutability and duplicates says "
        "it best, and one sentence on when to use which.",
        "Mutability",
        (
            "A list can change and a tuple cannot.",
            "A set holds each thing once, and a dict finds things by name.",
        ),
        _PYTHON_TABLE,
    ),
    _topic(
        r"\btables?\b|\bcompar(e|es|ed|ing|ison)\b|\bplanets?\b",
        "A table is wanted. I have reliable numbers for the inner planets, so I will use those and point out "
        "what is remarkable in them.",
        "Mars",
        (
            "Of the four inner planets, Earth is the largest and Mercury the smallest.",
            "A day on Mars lasts 24.6 hours, almost as long as ours.",
            "Venus turns more slowly than it travels around the sun.",
        ),
        _PLANET_TABLE,
    ),
    _topic(
        r"\bintegrals?\b|\bintegrate\b|\bmath(s|ematics)?\b|\bcalculus\b|\bgaussian\b",
        "The Gaussian integral is short and shows a real idea: square it and change to polar coordinates. "
        "The inner integral gives one half, the angle gives two pi, so the square is pi.",
        "√π",
        (
            "The integral of exp(-x²) over the whole line is the square root of π.",
            "The trick is to square it and to change to polar coordinates.",
        ),
        _INTEGRAL,
    ),
    _topic(
        r"\bquadratic\b|\bequations?\b|\broots?\b|\bsolve\b",
        "The quadratic formula comes from completing the square. I will state it, explain the discriminant, "
        "and check it on an example: 25 - 24 = 1, so the roots are 2 and 3.",
        "Discriminant",
        (
            "A quadratic equation is solved by completing the square.",
            "The sign of the discriminant tells how many real solutions there are.",
        ),
        _QUADRATIC,
    ),
    _topic(
        r"\bcode\b|\bpython\b|\bfunctions?\b|\bprograms?\b|\bscript\b|\bprimes?\b",
        "They want code. A sieve is short, correct and easy to check by eye: primes up to 30 are 2, 3, 5, 7, "
        "11, 13, 17, 19, 23 and 29.",
        "Sieve",
        (
            "A sieve crosses out the multiples of every prime and keeps the rest.",
            "It is enough to do this up to the square root of the limit.",
        ),
        _PRIMES,
    ),
    _topic(
        r"\bwho are you\b|\bwhat are you\b|\bintroduce yourself\b|\bwhat can you do\b",
        "A simple request to introduce myself. I must be honest that I am a simulator and not the model.",
        "Simulator",
        (
            "I am the offline simulator of the Kimi thinking models.",
            "I speak the protocol of the real service, but my answers are prepared texts.",
        ),
        _WHO,
    ),
    _topic(
        r"^\W*(hi|hello|hey|good (morning|afternoon|evening)|greetings)\b[^?]{0,40}$",
        "This is only a greeting. A friendly, short answer is best, with a hint at what can be asked.",
        "Hello",
        ("Hello from the offline simulator!", "Ask me why the sky is blue, or for a table or some code."),
        _HELLO,
    ),
)

CAPITALS = {
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "spain": "Madrid",
    "portugal": "Lisbon",
    "norway": "Oslo",
    "japan": "Tokyo",
    "china": "Beijing",
    "egypt": "Cairo",
    "kenya": "Nairobi",
    "peru": "Lima",
    "canada": "Ottawa",
}

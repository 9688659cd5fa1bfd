"""The languages whose code is coloured: their names in a fence, comments, strings and keywords. A flat table.

A language that is missing here is shown without colours. To add one is to add a row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What of a language is coloured.

    `strings` are names in `STRINGS`. A comment of `lines` ends with its line, one of `blocks` with its second
    sign. `texts` are like `blocks`, but hold strings. `operators` are operators that are words. `extra` are
    regular expressions by kind; each has to match or fail in a bounded number of steps wherever it starts,
    or take what it has read.
    """

    names: str
    keywords: str = ""
    lines: tuple[str, ...] = ()
    blocks: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    strings: tuple[str, ...] = ("double", "single")
    operators: str = ""
    folds: bool = False  # keywords in capitals and in small letters alike
    extra: tuple[tuple[str, str], ...] = ()
    has_numbers: bool = True


# A string that does not end is one up to the end of its line, or of the text where it may hold line ends:
# none of these fails behind its first sign, so none reads a place twice.
_DOUBLE = r'"[^"\\\n]*(?:\\[\s\S][^"\\\n]*)*"?'
_SINGLE = r"'[^'\\\n]*(?:\\[\s\S][^'\\\n]*)*'?"
STRINGS = {
    "double": _DOUBLE,
    "single": _SINGLE,
    "double lines": r'"[^"\\]*(?:\\[\s\S][^"\\]*)*"?',
    "single lines": r"'[^'\\]*(?:\\[\s\S][^'\\]*)*'?",
    "backtick lines": r"`[^`\\]*(?:\\[\s\S][^`\\]*)*`?",
    "raw single": r"'[^']*'?",
    "raw double": r'"[^"]*"?',
    "raw backtick": r"`[^`]*`?",
    "python": rf"[rRbBfFuUtT]{{0,2}}(?:{_DOUBLE}|{_SINGLE})",
    "letter": r"'(?:\\[^\n]{1,10}?|[^'\\\n])'",
    "apart": rf"(?<![\w'])'[^'\n]*'?|{_DOUBLE}",
    "attribute": r"""(?<==)"[^"<>]*"?|(?<==)'[^'<>]*'?""",
}

_SLASHED = (("/*", "*/"),)
_SPACED_HASH = ("c", r"(?<!\S)#[^\n]*")
_C = (
    "auto break case char const continue default do double else enum extern float for goto if inline"
    " int long register restrict return short signed sizeof static struct switch typedef union"
    " unsigned void volatile while bool true false NULL"
)
_PREPROCESSOR = ("k", r"(?m:^)[ \t]{0,20}#[ \t]{0,20}[a-z]+")
_JAVASCRIPT = (
    "async await break case catch class const continue debugger default delete do else export extends"
    " finally for from function get if import let new of return set static super switch this throw try"
    " var void while with yield true false null undefined NaN Infinity"
)

LANGUAGES = (
    Language(
        "python py python3 py3 ipython ipython3 pyi sage starlark bazel",
        "False None True as assert async await break class continue def del elif else except finally"
        " for from global if import lambda match case nonlocal pass raise return try while with yield",
        texts=(('"""', '"""'), ("'''", "'''")),
        strings=("python",),
        operators="and or not in is",
        lines=("#",),
    ),
    Language(
        "pycon pyconsole",
        "False None True as assert async await class def del elif else except finally for from if"
        " import lambda pass raise return try while with yield",
        strings=("python",),
        operators="and or not in is",
        lines=("#",),
    ),
    Language(
        "javascript js jsx mjs cjs node",
        _JAVASCRIPT,
        strings=("double", "single", "backtick lines"),
        operators="in instanceof typeof",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "typescript ts tsx mts cts",
        _JAVASCRIPT
        + " abstract any as asserts boolean declare enum implements infer interface keyof namespace"
        " never number object private protected public readonly satisfies string symbol type unknown",
        strings=("double", "single", "backtick lines"),
        operators="in instanceof typeof is",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language("json json5 jsonc jsonl ndjson geojson", "true false null", lines=("//",), blocks=_SLASHED),
    Language("c h", _C, extra=(_PREPROCESSOR,), lines=("//",), blocks=_SLASHED),
    Language(
        "cpp c++ cc cxx hpp hh cuda cu arduino ino objc objective-c objectivec metal glsl hlsl opencl",
        _C + " alignas alignof catch class concept const_cast constexpr consteval co_await co_return"
        " co_yield decltype delete dynamic_cast explicit export final friend mutable namespace new"
        " noexcept nullptr operator override private protected public reinterpret_cast requires"
        " static_assert static_cast template this thread_local throw try typeid typename using virtual"
        " wchar_t",
        operators="and or not xor bitand bitor compl",
        extra=(_PREPROCESSOR,),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "csharp c# cs dotnet",
        "abstract async await base bool break byte case catch char checked class const continue"
        " decimal default delegate do double else enum event explicit extern false finally fixed float"
        " for foreach get global goto if implicit init int interface internal let lock long namespace"
        " new null object operator out override params partial private protected public readonly"
        " record ref required return sbyte sealed select set short sizeof stackalloc static string"
        " struct switch this throw true try uint ulong unchecked unsafe ushort using value var virtual"
        " void volatile when where while with yield",
        texts=(('"""', '"""'),),
        operators="in is as and or not typeof",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "java",
        "abstract assert boolean break byte case catch char class const continue default do double"
        " else enum extends final finally float for goto if implements import int interface long"
        " native new non-sealed package permits private protected public record return sealed short"
        " static strictfp super switch synchronized this throw throws transient try var void volatile"
        " while yield true false null",
        texts=(('"""', '"""'),),
        operators="instanceof",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "kotlin kt kts",
        "abstract actual annotation break by catch class companion const constructor continue"
        " crossinline data do else enum expect external final finally for fun get if import infix init"
        " inline inner interface internal lateinit noinline null object open operator out override"
        " package private protected public reified return sealed set super suspend tailrec this throw"
        " true false try typealias val var vararg when where while",
        texts=(('"""', '"""'),),
        operators="in is as",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "scala sbt",
        "abstract case catch class def do else enum export extends extension final finally for"
        " forSome given if implicit import inline lazy match new null object opaque open override"
        " package private protected return sealed super then this throw trait transparent true false"
        " try type using val var while with yield",
        texts=(('"""', '"""'),),
        strings=("double", "letter"),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "groovy gradle jenkinsfile",
        "abstract assert boolean break byte case catch char class const continue def default do"
        " double else enum extends final finally float for if implements import int interface long new"
        " null package private protected public return short static super switch this throw throws"
        " trait true false try var void while",
        texts=(('"""', '"""'), ("'''", "'''")),
        operators="in instanceof as",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "go golang",
        "break case chan const continue default defer else fallthrough for func go goto if import"
        " interface map package range return select struct switch type var true false nil iota bool"
        " byte error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32"
        " uint64 uintptr any",
        strings=("double", "single", "raw backtick"),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "rust rs",
        "as async await box break const continue crate dyn else enum extern false fn for if impl in"
        " let loop match mod move mut pub ref return self Self static struct super trait true type"
        " union unsafe use where while bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64"
        " u128 usize",
        strings=("double lines", "letter"),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "swift",
        "actor any as associatedtype async await break case catch class continue convenience default"
        " defer deinit do else enum extension fallthrough false fileprivate final for func get guard"
        " if import in indirect init inout internal is lazy let mutating nil open operator override"
        " private protocol public repeat required rethrows return self Self set some static struct"
        " subscript super switch throw throws true try typealias unowned var weak where while",
        texts=(('"""', '"""'),),
        strings=("double",),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "dart",
        "abstract as assert async await base break case catch class const continue covariant default"
        " deferred do dynamic else enum export extends extension external factory false final finally"
        " for get hide if implements import interface late library mixin new null on operator part"
        " required rethrow return sealed set show static super switch sync this throw true try typedef"
        " var void when while with yield bool double int num String",
        texts=(('"""', '"""'), ("'''", "'''")),
        operators="in is",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "zig",
        "align allowzero anyframe anytype asm async await break callconv catch comptime const"
        " continue defer else enum errdefer error export extern fn for if inline noalias null opaque"
        " packed pub resume return struct suspend switch test threadlocal true false try undefined"
        " union unreachable usingnamespace var volatile while",
        lines=("//",),
        operators="and or orelse",
    ),
    Language(
        "php",
        "abstract array as break callable case catch class clone const continue declare default do"
        " echo else elseif empty enum extends final finally fn for foreach function global goto if"
        " implements include include_once interface isset list match namespace new null print private"
        " protected public readonly require require_once return static switch this throw trait true"
        " false try unset use var while yield",
        lines=("//", "#"),
        blocks=(("/*", "*/"),),
        strings=("double lines", "single lines"),
        operators="and or xor instanceof insteadof",
        folds=True,
        extra=(("k", r"<\?(?:php|=)?|\?>"),),
    ),
    Language(
        "ruby rb rake gemfile crystal",
        "BEGIN END alias begin break case class def do else elsif end ensure extend false for if"
        " include loop module next nil private protected public raise redo require require_relative"
        " rescue retry return self super then true undef unless until when while yield attr_accessor"
        " attr_reader attr_writer",
        blocks=(("\n=begin", "\n=end"),),
        strings=("double lines", "single lines"),
        operators="and or not in defined",
        lines=("#",),
    ),
    Language(
        "perl pl pm raku",
        "sub my our local if elsif else unless while until for foreach do last next redo return use"
        " no package require print say die warn eval undef defined ref bless shift push pop keys"
        " values each",
        blocks=(("\n=pod", "\n=cut"), ("\n=head", "\n=cut")),
        strings=("double lines", "single lines"),
        operators="and or not xor eq ne lt gt le ge cmp x",
        extra=(_SPACED_HASH,),
    ),
    Language(
        "lua luau",
        "break do else elseif end false for function goto if local nil repeat return then true until while",
        lines=("--",),
        blocks=(("--[[", "]]"),),
        texts=(("[[", "]]"),),
        operators="and or not in",
    ),
    Language(
        "r rscript splus",
        "if else repeat while function for next break TRUE FALSE NULL Inf NaN NA NA_integer_ NA_real_"
        " NA_character_ library require return",
        strings=("double lines", "single lines"),
        operators="in",
        lines=("#",),
    ),
    Language(
        "julia jl",
        "abstract baremodule begin break catch const continue do else elseif end export false finally"
        " for function global if import let local macro module mutable nothing primitive quote return"
        " struct true try type using where while missing",
        blocks=(("#=", "=#"),),
        texts=(('"""', '"""'),),
        strings=("double lines", "letter"),
        operators="in isa",
        lines=("#",),
    ),
    Language(
        "matlab octave m",
        "break case catch classdef continue else elseif end endif endfor endfunction endwhile for"
        " function global if otherwise parfor persistent return spmd switch try while true false"
        " properties methods",
        lines=("%",),
        blocks=(("%{", "%}"),),
        strings=("apart",),
    ),
    Language(
        "mathematica wolfram wl",
        "Module Block With If Which Switch Do For While Table Function Return True False None All",
        blocks=(("(*", "*)"),),
        strings=("double lines",),
    ),
    Language(
        "fortran f90 f95 f03 f08 f77",
        "allocatable allocate call case character common complex contains continue cycle data"
        " deallocate default dimension do double else elseif elsewhere end enddo endif exit external"
        " format function goto if implicit in inout integer intent interface intrinsic kind logical"
        " module none nullify only open out parameter pointer precision print private procedure"
        " program public pure read real recursive result return save select stop subroutine target"
        " then type use where while write",
        lines=("!",),
        folds=True,
        extra=(("o", r"\.[A-Za-z]{1,6}\."),),
    ),
    Language(
        "haskell hs elm purescript",
        "case class data default deriving do else family forall foreign if import in infix infixl"
        " infixr instance let mdo module newtype of proc qualified rec then type where",
        lines=("--",),
        blocks=(("{-", "-}"),),
        strings=("double", "letter"),
    ),
    Language(
        "ocaml ml mli fsharp f# fs sml reasonml",
        "as assert begin class constraint do done downto else end exception external false for fun"
        " function functor if include inherit initializer lazy let match member method module mutable"
        " new nonrec object of open override private rec sig static struct then to true try type use"
        " val virtual when while with yield",
        lines=("//",),
        blocks=(("(*", "*)"),),
        strings=("double lines", "letter"),
        operators="and or mod land lor lxor lsl lsr asr in not",
    ),
    Language(
        "elixir ex exs",
        "after alias case catch cond def defdelegate defexception defguard defimpl defmacro defmodule"
        " defp defprotocol defstruct do else end false fn for if import nil quote raise receive"
        " require rescue super throw true try unless unquote use with",
        texts=(('"""', '"""'), ("'''", "'''")),
        strings=("double lines", "single lines"),
        operators="and or not in when",
        lines=("#",),
    ),
    Language(
        "erlang erl",
        "after begin case catch cond end fun if let maybe of receive try when else",
        lines=("%",),
        strings=("double lines", "single"),
        operators="and andalso band bnot bor bsl bsr bxor div not or orelse rem xor",
    ),
    Language(
        "lisp clojure clj cljs scheme racket elisp emacs-lisp common-lisp cl fennel hy",
        "def defn defmacro defun defvar defparameter defconstant define lambda let letrec if cond"
        " case when unless do loop fn ns require import quote begin set setq progn nil true false t",
        lines=(";",),
        blocks=(("#|", "|#"),),
        strings=("double lines",),
    ),
    Language(
        "pascal delphi ada vhdl",
        "array begin case class const constructor destructor do downto else elsif end entity"
        " architecture exception file finally for function goto if implementation inherited interface"
        " is label loop nil object of package packed private procedure process program property"
        " protected public record repeat return set signal string then to try type unit until uses use"
        " var when while with true false integer boolean real",
        lines=("//", "--"),
        blocks=(("{", "}"), ("(*", "*)")),
        strings=("apart",),
        operators="and or not xor div mod in shl shr",
        folds=True,
    ),
    Language(
        "verilog systemverilog sv v",
        "always always_comb always_ff always_latch assign begin bit case casex casez class default"
        " else end endcase endclass endfunction endgenerate endmodule endtask enum for forever"
        " function generate genvar if initial inout input int integer interface localparam logic"
        " module negedge or output package parameter posedge real reg repeat return signed struct task"
        " typedef unsigned wait while wire",
        strings=("double",),
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "sql mysql postgresql postgres psql pgsql plsql tsql sqlite sqlite3 bigquery duckdb spark-sql hive",
        "add all alter analyze any as asc begin between bigint boolean by cascade case cast char"
        " check coalesce column commit constraint create cross current database date decimal default"
        " delete desc distinct drop else end escape except exec exists explain false fetch filter"
        " first float following for foreign from full function grant group having if index inner"
        " insert int integer intersect interval into join key lateral left limit natural next null"
        " nulls numeric offset on only order outer over partition preceding primary procedure range"
        " recursive references replace returning returns revoke right rollback row rows select set"
        " some table temp temporary text then timestamp to transaction trigger true truncate unbounded"
        " union unique update using values varchar view when where window with",
        lines=("--", "#"),
        blocks=(("/*", "*/"),),
        strings=("raw single", "raw double", "raw backtick"),
        operators="and or not in is like ilike",
        folds=True,
    ),
    Language(
        "bash sh shell zsh ksh console shell-session shellsession sh-session terminal fish",
        "if then else elif fi for while until do done case esac function select in return exit export"
        " local readonly declare unset source alias set shift trap cd echo",
        strings=("double lines", "raw single"),
        extra=(_SPACED_HASH,),
    ),
    Language(
        "powershell ps1 pwsh posh",
        "begin break catch class continue data do dynamicparam else elseif end enum exit filter"
        " finally for foreach from function if in param process return switch throw trap try until"
        " using while",
        blocks=(("<#", "#>"),),
        strings=("raw single", "raw double"),
        folds=True,
        extra=(_SPACED_HASH, ("o", r"-(?:eq|ne|gt|ge|lt|le|like|match|and|or|not|in|is)\b")),
    ),
    Language(
        "batch bat cmd dos",
        "call cd cls copy del dir do echo else endlocal errorlevel exist exit for goto if in move not"
        " off on pause ren set setlocal shift start",
        strings=("double",),
        folds=True,
        extra=(("c", r"(?im:^)[ \t]{0,20}(?:rem\b|::)[^\n]*"),),
    ),
    Language(
        "dockerfile docker containerfile",
        "FROM AS RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG"
        " ONBUILD STOPSIGNAL HEALTHCHECK SHELL",
        strings=("double lines", "raw single"),
        extra=(_SPACED_HASH,),
    ),
    Language(
        "makefile make mk cmake",
        "if else elseif endif ifdef ifndef ifeq ifneq include define endef export override foreach"
        " endforeach function endfunction macro endmacro set project add_executable add_library"
        " target_link_libraries find_package",
        strings=("double", "apart"),
        extra=(_SPACED_HASH, ("k", r"(?m:^)[\w.-]{1,80}:(?!=)")),
    ),
    Language(
        "html xml svg xhtml vue svelte astro htm xsl xslt xsd rss plist mathml jinja jinja2 handlebars",
        blocks=(("<!--", "-->"),),
        strings=("attribute",),
        extra=(("k", r"</?[A-Za-z][\w:.-]{0,80}|/?>"), ("k", r"<[!?][A-Za-z]{1,20}")),
        has_numbers=False,
    ),
    Language(
        "css scss sass less stylus",
        "important",
        lines=("//",),
        blocks=(("/*", "*/"),),
        extra=(("k", r"@[A-Za-z-]{1,40}"), ("m", r"#[\da-fA-F]{3,8}\b")),
    ),
    Language(
        "yaml yml",
        "true false null yes no on off",
        strings=("apart",),
        extra=(_SPACED_HASH, ("k", r"(?m:^)[ \t]{0,40}(?:- )?[\w.-]{1,80}(?=:(?:\s|\Z))")),
    ),
    Language(
        "toml",
        "true false",
        texts=(('"""', '"""'), ("'''", "'''")),
        extra=(("k", r"(?m:^)\[{1,2}[^\[\]\n]{1,80}\]{1,2}"),),
        lines=("#",),
    ),
    Language(
        "ini cfg conf properties dosini editorconfig systemd env dotenv",
        "true false yes no on off",
        strings=("apart",),
        extra=(("c", r"(?m:^)[ \t]{0,20}[#;][^\n]*"), ("k", r"(?m:^)\[[^\[\]\n]{1,80}\]")),
    ),
    Language(
        "terraform hcl tf",
        "resource data variable output provider module locals terraform for for_each if in dynamic"
        " true false null",
        lines=("#", "//"),
        blocks=(("/*", "*/"),),
        strings=("double",),
    ),
    Language(
        "nginx nginxconf apache apacheconf",
        "server location listen root index return rewrite proxy_pass upstream include if set on off",
        strings=("double lines", "raw single"),
        extra=(_SPACED_HASH,),
    ),
    Language(
        "graphql gql",
        "query mutation subscription fragment on type input enum interface union scalar schema"
        " directive extend implements true false null",
        texts=(('"""', '"""'),),
        strings=("double",),
        lines=("#",),
    ),
    Language(
        "protobuf proto thrift",
        "syntax package import option message enum service rpc returns stream repeated optional"
        " required oneof map reserved extend true false bool bytes double float int32 int64 string"
        " uint32 uint64 struct namespace",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "solidity sol",
        "address bool break bytes constant constructor continue contract do else emit enum error"
        " event external fallback for function if immutable import indexed interface internal is"
        " library mapping memory modifier new override payable pragma private public pure receive"
        " require return returns revert storage string struct this uint uint256 using view virtual"
        " while true false",
        lines=("//",),
        blocks=_SLASHED,
    ),
    Language(
        "nim",
        "addr as asm block break case cast const continue defer discard distinct do elif else end"
        " enum except export finally for from func if import include interface iterator let macro"
        " method mixin nil object of out proc ptr raise ref return static template try tuple type"
        " using var when while yield true false",
        texts=(('"""', '"""'),),
        strings=("double", "letter"),
        operators="and or not xor in is div mod shl shr",
        lines=("#",),
    ),
    Language(
        "latex tex bibtex",
        extra=(
            ("c", r"(?<!\\)%[^\n]*"),
            ("k", r"\\(?:[A-Za-z]{1,60}\*?|[^A-Za-z])"),
            ("k", r"@[A-Za-z]{1,40}"),
        ),
        strings=(),
        has_numbers=False,
    ),
    Language(
        "diff patch udiff",
        extra=(
            ("c", r"(?m:^)(?:@@|diff |index |\+\+\+ |--- )[^\n]*"),
            ("k", r"(?m:^)\+[^\n]*"),
            ("s", r"(?m:^)-[^\n]*"),
        ),
        strings=(),
        has_numbers=False,
    ),
    Language("csv tsv", strings=("raw double",)),
    Language("http", "GET POST PUT DELETE PATCH HEAD OPTIONS HTTP", strings=("double",)),
    Language(
        "vim viml vimscript",
        "let set if else elseif endif for endfor while endwhile function endfunction return call"
        " autocmd augroup command map nnoremap inoremap vnoremap syntax highlight",
        strings=("apart",),
        extra=(("c", r'(?m:^)[ \t]{0,20}"[^\n]*'),),
    ),
    Language(
        "vb vbnet visualbasic vba",
        "as boolean byref byval call case class const dim do double each else elseif end enum exit"
        " false for function get if imports integer loop me module namespace new next nothing object"
        " of on option private property public return select set shared static string structure sub"
        " then to true try until wend while with",
        lines=("'",),
        strings=("double",),
        operators="and or not xor andalso orelse is isnot mod like in",
        folds=True,
    ),
)

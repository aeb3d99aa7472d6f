/* docs/study-files.md: an introduction, the table of keys as tables, and an example. */
#include "orchestrator/study.h"
#include "orchestrator/study_keys.h"

#include <string.h>

static const char introduction[] =
    "# Study files\n"
    "\n"
    "A study file says everything about a study: the languages, the text, the model sizes, how they are trained, and\n"
    "which runs there are. `sweep plan STUDY.yaml` shows what it comes to without running anything;\n"
    "`sweep STUDY.yaml` runs it.\n"
    "\n"
    "It is YAML, of which `sweep` reads what a study needs: mappings (`key: value`), lists, words and numbers, with\n"
    "comments behind `#`. Anchors, tags and several documents in a file are refused.\n"
    "\n"
    "- Paths are relative to the folder of the study file.\n"
    "- Whole numbers may be written `1000`, `1_000` or `1e3`.\n"
    "- Language codes are words: `no` is Norwegian, not the opposite of yes.\n"
    "- A key that is not known, a value that cannot be, a combination that cannot run: each is reported with line and\n"
    "  column, all at once, before anything starts.\n"
    "- A study is the same as long as its settings are, in whatever layout or place the file is: its archive is then\n"
    "  continued. Names of files and folders are no settings; everything else here is.\n"
    "- A mixture has no order: `[en, es]` and `[es, en]` are the same.\n"
    "\n"
    "This page is made by `sweep plan --keys` from the table that also drives the reader.\n";

static const char example[] = "## An example\n"
                              "\n"
                              "```yaml\n"
                              "study: example\n"
                              "languages: [en, es, pt, ru]\n"
                              "corpus:\n"
                              "  text: ../data/example/text        # en.jsonl, es.jsonl.gz, pt.txt ...\n"
                              "  tokens: ../data/example/tokens    # made from the text\n"
                              "vocabulary: {pieces: 8192}\n"
                              "sizes:\n"
                              "  - scale: 0                        # a published size\n"
                              "  - {name: small, layers: 2, width: 64, heads: 4, head_size: 16, feed_forward: 256}\n"
                              "  - name: longer                    # with its own number of tokens\n"
                              "    layers: 2\n"
                              "    width: 96\n"
                              "    heads: 6\n"
                              "    head_size: 16\n"
                              "    feed_forward: 384\n"
                              "    tokens: 4e6\n"
                              "training:\n"
                              "  tokens: 2e6                       # a run, of all its languages\n"
                              "  batch: 16\n"
                              "  sequence: 128\n"
                              "  learning_rate: 3e-3\n"
                              "  warmup_steps: 100\n"
                              "runs:\n"
                              "  monolingual:                      # every language at every size\n"
                              "  bilingual:\n"
                              "    pairs: [[en, es], [en, ru], [es, pt]]\n"
                              "    sizes: [small]\n"
                              "  multilingual:\n"
                              "    mixtures:\n"
                              "      romance: [es, pt]             # even\n"
                              "      skewed: {en: 0.7, ru: 0.3}    # by tokens\n"
                              "    sizes: [0, longer]              # a scale or a name\n"
                              "evaluation: {every_tokens: 5e4, tokens: 2e4, curve_every_tokens: 1e4}\n"
                              "archive: ../archives/example.h5\n"
                              "```\n";

static void write_value(FILE *file, const struct study_key *key) {
    char wanted[KEY_WANTED_SIZE];
    study_key_wanted(key, wanted);
    if (key->form == KEY_NAME)
        fputs("a name", file);
    else
        fputs(wanted, file);
    if (key->unit && key->form != KEY_STRUCTURED && key->form != KEY_LIST)
        fprintf(file, " (%s)", key->unit);
}

static void write_rows(FILE *file, const char *parent) {
    fputs("\n| key | value | if not given | meaning |\n|---|---|---|---|\n", file);
    for (const struct study_key *key = study_keys; key->path; key++) {
        if (!study_key_is_below(key, parent))
            continue;
        fprintf(file, "| `%s` | ", study_key_name(key));
        write_value(file, key);
        if (key->standard && key->standard[0])
            fprintf(file, " | `%s`", key->standard);
        else if (key->standard)
            fputs(" | its keys as below", file);
        else
            fprintf(file, " | %s", key->absent ? key->absent : "an error");
        fprintf(file, " | %s |\n", key->help);
    }
}

/* A section for each mapping, and for the elements of each list of mappings. */
int study_write_reference(FILE *file) {
    fputs(introduction, file);
    fputs("\n## The whole file\n", file);
    write_rows(file, "");
    for (const struct study_key *key = study_keys; key->path; key++) {
        char parent[64];
        if (key->form != KEY_MAPPING && key->form != KEY_LIST)
            continue;
        snprintf(parent, sizeof parent, "%s%s", key->path, key->form == KEY_LIST ? "[]" : "");
        fprintf(file, "\n## `%s`\n\n%s\n", key->path, key->help);
        write_rows(file, parent);
    }
    fputc('\n', file);
    fputs(example, file);
    return ferror(file) ? -1 : 0;
}

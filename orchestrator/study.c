#include "orchestrator/study.h"
#include "model/scales.h"
#include "orchestrator/study_draft.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, SIZES_MAX = 256 };
#define SHARED_WORDS 0.7 /* corpus.synthetic.shared_words when it is not given */

static bool is_language_code(const char *text) {
    if (!islower((unsigned char)text[0]) || !islower((unsigned char)text[1]) || strlen(text) >= LANGUAGE_CODE_SIZE)
        return false;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return true;
}

static int64_t find_language(const struct study *study, const char *code) {
    for (uint32_t l = 0; l < study->language_count; l++)
        if (strcmp(study->languages[l], code) == 0)
            return l;
    return -1;
}

static void read_languages(struct study_draft *draft) {
    struct study *study = &draft->study;
    const struct node *list = draft_find(draft, "languages");
    study->languages = draft_allocate(draft, LANGUAGES_MAX, sizeof *study->languages);
    study->train_tokens = draft_allocate(draft, LANGUAGES_MAX, sizeof *study->train_tokens);
    if (!list || !study->languages)
        return;
    if (list->kind != NODE_LIST || !list->first) {
        draft_cannot_be(draft, "languages", list, "a list of at least one code, as [en, fr]");
        return;
    }
    for (const struct node *node = list->first; node; node = node->next) {
        if (node->kind != NODE_SCALAR || !is_language_code(node->text))
            draft_cannot_be(draft, "a language", node,
                            "a code that begins with two small letters, at most 15 letters, digits, - and _");
        else if (find_language(study, node->text) >= 0)
            mistakes_add(draft->mistakes, node->place, "language '%s' is listed twice; keep one", node->text);
        else if (study->language_count == LANGUAGES_MAX) {
            mistakes_add(draft->mistakes, node->place, "more than %d languages; that is all sweep can hold",
                         LANGUAGES_MAX);
            return;
        } else
            memcpy(study->languages[study->language_count++], node->text, strlen(node->text) + 1);
    }
}

int64_t draft_language(struct study_draft *draft, const char *code, struct place place) {
    const int64_t language = find_language(&draft->study, code);
    if (language < 0)
        mistakes_add(draft->mistakes, place, "'%.40s' is not among the languages of the study; add it to `languages`",
                     code);
    return language;
}

uint32_t draft_read_languages(struct study_draft *draft, const char *path, const struct node *node, uint32_t *indices) {
    uint32_t count = 0;
    if (!node || (node->kind == NODE_SCALAR && strcmp(node->text, "all") == 0)) {
        for (; count < draft->study.language_count; count++)
            indices[count] = count;
        return count;
    }
    if (node->kind != NODE_LIST || !node->first) {
        draft_cannot_be(draft, path, node, "all, or a list of languages");
        return 0;
    }
    bool *seen = draft_allocate(draft, draft->study.language_count, sizeof *seen);
    for (const struct node *item = node->first; seen && item; item = item->next) {
        if (item->kind != NODE_SCALAR) {
            draft_cannot_be(draft, "a language", item, "a code");
            continue;
        }
        const int64_t language = draft_language(draft, item->text, item->place);
        if (language < 0)
            continue;
        if (seen[language])
            mistakes_add(draft->mistakes, item->place, "language '%s' stands here twice; keep one", item->text);
        else
            indices[count++] = (uint32_t)language;
        seen[language] = true;
    }
    free(seen);
    return count;
}

/* Families or scripts: `name: [language, ...]`, each language in one of them. numbers [language_count] receives the
 * place of its family or script in the file. */
static void read_partition(struct study_draft *draft, const char *path, const char *what, uint32_t *numbers) {
    const struct node *mapping = draft_find(draft, path);
    const uint32_t count = draft->study.language_count;
    uint32_t *members = draft_allocate(draft, count, sizeof *members), number = 0;
    bool *placed = draft_allocate(draft, count, sizeof *placed);
    if (mapping->kind != NODE_MAPPING)
        draft_cannot_be(draft, path, mapping, "a mapping of names to lists of languages");
    else if (members && placed) {
        for (const struct node *node = mapping->first; node; node = node->next, number++) {
            const uint32_t found = node_is_empty(node) ? 0 : draft_read_languages(draft, path, node, members);
            for (uint32_t i = 0; i < found; i++) {
                if (placed[members[i]])
                    mistakes_add(draft->mistakes, draft_key_place(node), "'%s' is in a second %s; keep it in one",
                                 draft->study.languages[members[i]], what);
                placed[members[i]] = true;
                numbers[members[i]] = number;
            }
        }
        for (uint32_t l = 0; l < count; l++)
            if (!placed[l])
                mistakes_add(draft->mistakes, draft_key_place(mapping), "'%s' is in no %s; put it into one",
                             draft->study.languages[l], what);
    }
    free(members);
    free(placed);
}

static double read_share(struct study_draft *draft, const struct node *node) {
    double share = 0;
    if (node->kind != NODE_SCALAR || !node->plain || draft_parse_number(node->text, &share) != 0 || share < 0 ||
        share > 1)
        draft_cannot_be(draft, "corpus.synthetic.shared_words", node, "a number from 0 to 1, or one for each family");
    return share;
}

/* The words in common in each family, in the order of the file: shares [families]. One number holds for all. */
static void read_shared_words(struct study_draft *draft, const struct node *families, double *shares) {
    const struct node *given = draft_find(draft, "corpus.synthetic.shared_words");
    const bool each = given && given->kind == NODE_MAPPING;
    const double common = given && !each ? read_share(draft, given) : SHARED_WORDS;
    for (const struct node *item = each ? given->first : NULL; item; item = item->next)
        if (!node_child(families, item->name))
            mistakes_add(draft->mistakes, item->name_place, "'%.40s' is not among the families; add it or drop it here",
                         item->name);
    for (const struct node *family = families->first; family; family = family->next) {
        const struct node *own = each ? node_child(given, family->name) : NULL;
        if (each && !own)
            mistakes_add(draft->mistakes, draft_key_place(given), "family '%.40s' is missing here; add its share",
                         family->name);
        *shares++ = own ? read_share(draft, own) : common;
    }
}

static void read_synthetic(struct study_draft *draft) {
    struct study *study = &draft->study;
    const uint32_t count = study->language_count;
    const struct node *named = draft_find(draft, "corpus.synthetic.families");
    study->synthetic = draft_find(draft, "corpus.synthetic") != NULL;
    if (!study->synthetic)
        return;
    uint32_t *families = draft_allocate(draft, count, sizeof *families);
    uint32_t *scripts = draft_allocate(draft, count, sizeof *scripts);
    double *shares = draft_allocate(draft, named ? node_count(named) : 0, sizeof *shares);
    study->synthetic_languages = draft_allocate(draft, count, sizeof *study->synthetic_languages);
    if (families && scripts && shares && study->synthetic_languages) {
        if (named)
            read_partition(draft, "corpus.synthetic.families", "family", families);
        if (named && named->kind == NODE_MAPPING)
            read_shared_words(draft, named, shares);
        memcpy(scripts, families, count * sizeof *scripts);
        if (draft_find(draft, "corpus.synthetic.scripts"))
            read_partition(draft, "corpus.synthetic.scripts", "script", scripts);
        for (uint32_t l = 0; l < count; l++) {
            struct synthetic_language *language = &study->synthetic_languages[l];
            memcpy(language->code, study->languages[l], sizeof language->code);
            language->family = families[l];
            language->script = scripts[l];
            language->shared_words = shares[families[l]];
            language->bytes = (uint64_t)(draft->synthetic_megabytes * 1e6);
        }
    }
    free(families);
    free(scripts);
    free(shares);
}

/* Own dimensions must be whole; a published scale brings its own. */
static void read_shape(struct study_draft *draft, const struct node *node, struct study_size *size) {
    static const char *const dimensions[] = {"layers", "width", "heads", "head_size", "feed_forward"};
    const bool published = node_child(node, "scale") != NULL;
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        const struct node *given = node_child(node, dimensions[i]);
        if (published && given)
            mistakes_add(draft->mistakes, given->name_place, "a published scale has its own %s; drop this or `scale`",
                         dimensions[i]);
        else if (!published && !given)
            mistakes_add(draft->mistakes, node->place,
                         "%s is missing; a size is a published `scale` or all of layers, width, heads, head_size, "
                         "feed_forward",
                         dimensions[i]);
    }
    if (!published && !node_child(node, "name"))
        mistakes_add(draft->mistakes, node->place, "a size of own dimensions needs a name");
    if (size->scale >= 0) {
        size->shape = model_scale(size->scale, draft->study.vocabulary.pieces);
        if (!size->name[0])
            snprintf(size->name, sizeof size->name, "scale %d", size->scale);
    }
    size->shape.vocabulary = draft->study.vocabulary.pieces;
    if (size->shape.head_size % 2 != 0)
        mistakes_add(draft->mistakes, node_child(node, "head_size")->place,
                     "head_size %u is odd; rotary positions turn pairs: take an even one", size->shape.head_size);
}

static void read_sizes(struct study_draft *draft) {
    struct study *study = &draft->study;
    const struct node *list = draft_find(draft, "sizes");
    if (!list)
        return;
    if (list->kind != NODE_LIST || !list->first) {
        draft_cannot_be(draft, "sizes", list, "a list, as [{scale: 0}, {scale: 1}]");
        return;
    }
    study->sizes = draft_allocate(draft, SIZES_MAX, sizeof *study->sizes);
    for (const struct node *node = list->first; study->sizes && node; node = node->next) {
        if (study->size_count == SIZES_MAX) {
            mistakes_add(draft->mistakes, node->place, "more than %d sizes; that is all sweep can hold", SIZES_MAX);
            return;
        }
        struct study_size *size = &study->sizes[study->size_count++]; /* also a wrong one: indices follow the list */
        size->scale = -1;
        if (node->kind != NODE_MAPPING) {
            draft_cannot_be(draft, "a size", node, "a mapping, as {scale: 0}");
            continue;
        }
        draft_read_keys(draft, "sizes[]", node, node->place, size);
        read_shape(draft, node, size);
        for (const struct study_size *other = study->sizes; other < size; other++)
            if (size->name[0] && strcmp(other->name, size->name) == 0)
                mistakes_add(draft->mistakes, node->place, "a size '%s' is there already; give this one another name",
                             size->name);
    }
}

static void read_evaluated(struct study_draft *draft) {
    struct study *study = &draft->study;
    uint32_t *languages = draft_allocate(draft, study->language_count, sizeof *languages);
    study->evaluated = draft_allocate(draft, study->language_count, sizeof *study->evaluated);
    if (languages && study->evaluated) {
        const struct node *given = draft_find(draft, "evaluation.languages");
        const uint32_t count = draft_read_languages(draft, "evaluation.languages", given, languages);
        for (uint32_t i = 0; i < count; i++)
            study->evaluated[languages[i]] = true;
    }
    free(languages);
}

static void read_draft(struct study_draft *draft) {
    const struct place start = {1, 1};
    if (draft->root->kind != NODE_MAPPING) {
        mistakes_add(draft->mistakes, start, "not a study file; it is a mapping, see docs/study-files.md");
        return;
    }
    draft_read_keys(draft, "", draft->root, start, draft);
    read_languages(draft);
    read_synthetic(draft);
    read_sizes(draft);
    read_evaluated(draft);
    draft_read_runs(draft);
    draft_resolve(draft);
}

int study_parse(const char *path, char *text, size_t size, struct study *study, FILE *file, struct error *error) {
    struct mistakes mistakes = {.path = path};
    struct study_draft draft = {.mistakes = &mistakes, .study.file = text};
    memset(study, 0, sizeof *study);
    char *absolute = realpath(path, NULL);
    if (file_join(draft.study.path, "", path, error) != 0 || !absolute || strlen(absolute) >= FILE_PATH_SIZE) {
        free(absolute);
        free(text);
        return error_set(error, ERROR_INPUT, "%s: its absolute path cannot be found, or is too long", path);
    }
    file_folder(draft.folder, absolute);
    free(absolute);
    struct node *root = node_parse(text, size, &mistakes);
    draft.root = root;
    if (root)
        read_draft(&draft);
    node_free(root);
    mistakes_print(&mistakes, file);
    int result = 0;
    if (draft.no_memory)
        result = error_set(error, ERROR_FAILED, "%s: no memory to read it", path);
    else if (mistakes.count > 0)
        result = error_set(error, ERROR_INPUT, "%s: %zu mistake%s; docs/study-files.md describes every key", path,
                           mistakes.count, mistakes.count == 1 ? "" : "s");
    mistakes_free(&mistakes);
    free(draft.group_places);
    if (result != 0)
        study_free(&draft.study);
    else
        *study = draft.study;
    return result;
}

int study_read(const char *path, struct study *study, FILE *file, struct error *error) {
    char *text;
    size_t size;
    memset(study, 0, sizeof *study);
    return file_read(path, FILE_LIMIT, &text, &size, error) == 0 ? study_parse(path, text, size, study, file, error)
                                                                 : -1;
}

int study_own_folder(const struct study *study, uint32_t language, char path[FILE_PATH_SIZE], struct error *error) {
    char name[LANGUAGE_CODE_SIZE + 8];
    snprintf(name, sizeof name, "own/%s", study->languages[language]);
    return file_join(path, study->tokens_folder, name, error);
}

void study_free(struct study *study) {
    for (uint32_t g = 0; g < study->group_count; g++) {
        struct study_group *group = &study->groups[g];
        for (uint32_t m = 0; m < group->mixture_count; m++) {
            free(group->mixtures[m].languages);
            free(group->mixtures[m].given);
        }
        free(group->mixtures);
        free(group->sizes);
    }
    free(study->groups);
    free(study->sizes);
    free(study->languages);
    free(study->train_tokens);
    free(study->evaluated);
    free(study->synthetic_languages);
    free(study->file);
    memset(study, 0, sizeof *study);
}

/* `runs` of a study file: groups of mixtures and sizes. */
#include "orchestrator/command.h"
#include "orchestrator/study_draft.h"

#include <stdlib.h>
#include <string.h>

static int64_t find_size(const struct study *study, const char *text) {
    uint64_t scale;
    const bool number = command_parse_count(text, &scale) == 0;
    for (uint32_t s = 0; s < study->size_count; s++)
        if (number ? study->sizes[s].scale == (int64_t)scale : strcmp(study->sizes[s].name, text) == 0)
            return s;
    return -1;
}

/* The sizes of a group: "all" of the study, or a list of names and scales. */
static void read_group_sizes(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const struct study *study = &draft->study;
    bool *seen = draft_allocate(draft, study->size_count, sizeof *seen);
    group->sizes = draft_allocate(draft, study->size_count, sizeof *group->sizes);
    if (!seen || !group->sizes) {
        free(seen);
        return;
    }
    if (!node || (node->kind == NODE_SCALAR && strcmp(node->text, "all") == 0))
        for (; group->size_count < study->size_count; group->size_count++)
            group->sizes[group->size_count] = group->size_count;
    else if (node->kind != NODE_LIST || !node->first)
        draft_cannot_be(draft, "sizes of runs", node, "all, or a list of names and scales, as [0, small]");
    else
        for (const struct node *item = node->first; item; item = item->next) {
            char shown[NODE_SHOWN_SIZE];
            const int64_t size = item->kind == NODE_SCALAR ? find_size(study, item->text) : -1;
            if (size < 0)
                mistakes_add(draft->mistakes, item->place, "%s is not among `sizes`; take a name or a scale from there",
                             node_show(item, shown));
            else if (seen[size])
                mistakes_add(draft->mistakes, item->place, "size '%s' stands here twice; keep one",
                             study->sizes[size].name);
            else
                group->sizes[group->size_count++] = (uint32_t)size;
            if (size >= 0)
                seen[size] = true;
        }
    free(seen);
}

static const struct mixture_rule by_weights = {.kind = MIXTURE_WEIGHTS};

/* Adds a mixture to a group that has room for it. Languages are put into the order of their codes and weights scaled
 * to the sum 1, so that a mixture does not depend on how it is written. given NULL: even. */
static void add_mixture(struct study_draft *draft, struct study_group *group, const char *name,
                        struct mixture_rule rule, const uint32_t *languages, const double *given, uint32_t count) {
    const struct study *study = &draft->study;
    struct study_mixture *mixture = &group->mixtures[group->mixture_count];
    mixture->rule = rule;
    mixture->languages = draft_allocate(draft, count, sizeof *mixture->languages);
    mixture->given = draft_allocate(draft, count, sizeof *mixture->given);
    group->mixture_count++;
    if (!mixture->languages || !mixture->given)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i;
        for (; place > 0; place--) {
            if (strcmp(study->languages[mixture->languages[place - 1]], study->languages[languages[i]]) < 0)
                break;
            mixture->languages[place] = mixture->languages[place - 1];
            mixture->given[place] = mixture->given[place - 1];
        }
        mixture->languages[place] = languages[i];
        mixture->given[place] = given ? given[i] : 1;
    }
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += mixture->given[i];
    for (uint32_t i = 0; rule.kind == MIXTURE_WEIGHTS && i < count; i++)
        mixture->given[i] /= sum;
    mixture->language_count = count;
    if (name)
        snprintf(mixture->name, sizeof mixture->name, "%s", name);
    else
        snprintf(mixture->name, sizeof mixture->name, "%s%s%s", study->languages[mixture->languages[0]],
                 count > 1 ? "+" : "", count > 1 ? study->languages[mixture->languages[1]] : "");
}

/* A run for each language: monolingual, or finetuned. */
static void read_single_languages(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const uint32_t room = draft->study.language_count;
    uint32_t *languages = draft_allocate(draft, room, sizeof *languages);
    group->mixtures = draft_allocate(draft, room, sizeof *group->mixtures);
    if (languages && group->mixtures) {
        const uint32_t count =
            draft_read_languages(draft, "languages of runs", node_child(node, "languages"), languages);
        for (uint32_t i = 0; i < count; i++)
            add_mixture(draft, group, NULL, by_weights, &languages[i], NULL, 1);
    }
    free(languages);
}

static void read_monolingual(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const struct node *vocabulary = node_child(node, "vocabulary");
    read_single_languages(draft, group, node);
    const bool scalar = vocabulary && vocabulary->kind == NODE_SCALAR;
    if (scalar && strcmp(vocabulary->text, "own") == 0)
        snprintf(group->kind, sizeof group->kind, STUDY_OWN_VOCABULARY);
    else if (vocabulary && (!scalar || strcmp(vocabulary->text, "shared") != 0))
        draft_cannot_be(draft, "vocabulary of runs", vocabulary, "shared or own");
}

static void read_all_pairs(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const uint32_t count = draft->study.language_count;
    group->mixtures = draft_allocate(draft, (size_t)count * count / 2, sizeof *group->mixtures);
    if (count == 1)
        mistakes_add(draft->mistakes, draft_key_place(node), "bilingual runs need at least two languages; add one");
    for (uint32_t a = 0; group->mixtures && a < count; a++)
        for (uint32_t b = a + 1; b < count; b++)
            add_mixture(draft, group, NULL, by_weights, (uint32_t[]){a, b}, NULL, 2);
}

/* One pair of the list; seen [languages, languages] marks the pairs before it. */
static void read_pair(struct study_draft *draft, struct study_group *group, const struct node *node, bool *seen) {
    const struct node *first = node->kind == NODE_LIST ? node->first : NULL, *second = first ? first->next : NULL;
    if (!second || second->next || first->kind != NODE_SCALAR || second->kind != NODE_SCALAR) {
        mistakes_add(draft->mistakes, node->place, "not a pair; it is a list of two languages, as [en, fr]");
        return;
    }
    const int64_t a = draft_language(draft, first->text, first->place);
    const int64_t b = draft_language(draft, second->text, second->place);
    if (a < 0 || b < 0)
        return;
    const int64_t low = a < b ? a : b, high = a < b ? b : a;
    bool *before = &seen[low * draft->study.language_count + high];
    if (a == b)
        mistakes_add(draft->mistakes, node->place, "a pair of '%s' with itself; take two languages", first->text);
    else if (*before)
        mistakes_add(draft->mistakes, node->place, "pair %s, %s stands here twice (pairs have no order); keep one",
                     first->text, second->text);
    else
        add_mixture(draft, group, NULL, by_weights, (uint32_t[]){(uint32_t)a, (uint32_t)b}, NULL, 2);
    *before = true;
}

static void read_bilingual(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const struct node *pairs = node_child(node, "pairs");
    if (!pairs || (pairs->kind == NODE_SCALAR && strcmp(pairs->text, "all") == 0)) {
        read_all_pairs(draft, group, node);
        return;
    }
    if (pairs->kind != NODE_LIST || !pairs->first) {
        draft_cannot_be(draft, "runs.bilingual[].pairs", pairs, "all, or a list of pairs, as [[en, fr], [en, ru]]");
        return;
    }
    const size_t count = draft->study.language_count;
    bool *seen = draft_allocate(draft, count * count, sizeof *seen);
    group->mixtures = draft_allocate(draft, node_count(pairs), sizeof *group->mixtures);
    for (const struct node *pair = pairs->first; seen && group->mixtures && pair; pair = pair->next)
        read_pair(draft, group, pair, seen);
    free(seen);
}

/* `{language: number, ...}` into languages and numbers from 1e-6 to most. Returns how many. */
static uint32_t read_numbers(struct study_draft *draft, const char *what, const struct node *node, double most,
                             const char *wanted, uint32_t *languages, double *numbers) {
    uint32_t count = 0;
    for (const struct node *item = node->first; item; item = item->next) {
        const int64_t language = draft_language(draft, item->name, item->name_place);
        double number;
        if (item->kind != NODE_SCALAR || !item->plain || draft_parse_number(item->text, &number) != 0 ||
            number < 1e-6 || number > most)
            draft_cannot_be(draft, what, item, wanted);
        else if (language >= 0) {
            languages[count] = (uint32_t)language;
            numbers[count++] = number;
        }
    }
    return count;
}

/* Shares of a mixture by Unimax that are fixed, each of one of its languages [count]. */
static void read_shares(struct study_draft *draft, const struct node *node, const uint32_t *languages, uint32_t count,
                        double *given) {
    if (node->kind != NODE_MAPPING) {
        draft_cannot_be(draft, "shares", node, "a mapping, as {en: 0.05}");
        return;
    }
    uint32_t *fixed = draft_allocate(draft, node_count(node), sizeof *fixed);
    double *shares = draft_allocate(draft, node_count(node), sizeof *shares);
    if (fixed && shares) {
        const uint32_t fixed_count = read_numbers(draft, "a share", node, 1, "a number from 1e-6 to 1", fixed, shares);
        double sum = 0;
        for (uint32_t f = 0; f < fixed_count; f++) {
            uint32_t i = 0;
            while (i < count && languages[i] != fixed[f])
                i++;
            if (i == count)
                mistakes_add(draft->mistakes, node->place,
                             "'%s' has a share but is not in the mixture; add it to "
                             "`languages` here",
                             draft->study.languages[fixed[f]]);
            else
                given[i] = shares[f];
            sum += shares[f];
        }
        if (fixed_count == count || sum >= 1)
            mistakes_add(draft->mistakes, draft_key_place(node),
                         "shares leave nothing to Unimax; take smaller ones, of fewer languages");
    }
    free(fixed);
    free(shares);
}

/* A mixture whose weights follow from the tokens of its languages. Returns how many languages. */
static uint32_t read_ruled(struct study_draft *draft, const struct node *node, struct mixture_rule *rule,
                           uint32_t *languages, double *given) {
    const struct node *temperature = node_child(node, "temperature"), *unimax = node_child(node, "unimax"),
                      *shares = node_child(node, "shares"), *value = unimax ? unimax : temperature;
    for (const struct node *item = node->first; item; item = item->next)
        if (item != value && item != node_child(node, "languages") && (item != shares || !unimax))
            mistakes_add(draft->mistakes, item->name_place,
                         "'%.40s' cannot be here; a mixture is {temperature: T, languages: [...]} or {unimax: epochs, "
                         "languages: [...], shares: {language: share}}",
                         item->name);
    rule->kind = unimax ? MIXTURE_UNIMAX : MIXTURE_TEMPERATURE;
    if (value->kind != NODE_SCALAR || !value->plain || draft_parse_number(value->text, &rule->value) != 0 ||
        rule->value < (unimax ? 1e-6 : 1) || rule->value > 1e6)
        draft_cannot_be(draft, value->name, value, unimax ? "a number of epochs up to 1e6" : "a number from 1 to 1e6");
    const uint32_t count = draft_read_languages(draft, "a mixture", node_child(node, "languages"), languages);
    for (uint32_t i = 0; i < count; i++)
        given[i] = 0;
    if (shares && unimax)
        read_shares(draft, shares, languages, count, given);
    return count;
}

/* Rule, languages and what is given of one mixture. Returns how many languages. */
static uint32_t read_weights(struct study_draft *draft, const struct node *node, struct mixture_rule *rule,
                             uint32_t *languages, double *given) {
    *rule = by_weights;
    if (node->kind == NODE_MAPPING && (node_child(node, "temperature") || node_child(node, "unimax")))
        return read_ruled(draft, node, rule, languages, given);
    if (node->kind == NODE_MAPPING)
        return read_numbers(draft, "a weight", node, 1e6, "a number from 1e-6 to 1e6", languages, given);
    const uint32_t count = draft_read_languages(draft, "a mixture", node, languages);
    for (uint32_t i = 0; i < count; i++)
        given[i] = 1;
    return count;
}

static bool same_mixture(const struct study_mixture *a, const struct study_mixture *b) {
    return a->language_count == b->language_count &&
           memcmp(a->languages, b->languages, a->language_count * sizeof *a->languages) == 0 &&
           memcmp(a->given, b->given, a->language_count * sizeof *a->given) == 0 && a->rule.kind == b->rule.kind &&
           a->rule.value == b->rule.value;
}

static void read_mixture(struct study_draft *draft, struct study_group *group, const struct node *node,
                         uint32_t *languages, double *given) {
    const size_t before = draft->mistakes->count;
    if (!draft_is_name(node->name) || strlen(node->name) >= sizeof group->mixtures->name)
        mistakes_add(draft->mistakes, node->name_place,
                     "a mixture cannot be named '%.40s'; it is a name of at most 63 "
                     "letters, digits, spaces and - _ . +, beginning with a letter",
                     node->name);
    struct mixture_rule rule;
    const uint32_t count = read_weights(draft, node, &rule, languages, given);
    if (draft->mistakes->count > before)
        return;
    if (count < 2) {
        mistakes_add(draft->mistakes, node->name_place, "mixture '%s' has one language; that is a monolingual run",
                     node->name);
        return;
    }
    add_mixture(draft, group, node->name, rule, languages, given, count);
    const struct study_mixture *added = &group->mixtures[group->mixture_count - 1];
    for (const struct study_mixture *other = group->mixtures; !draft->no_memory && other < added; other++)
        if (same_mixture(other, added))
            mistakes_add(draft->mistakes, node->name_place, "mixture '%s' is the same as '%s'; keep one", node->name,
                         other->name);
}

static void read_multilingual(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const struct node *mixtures = node_child(node, "mixtures");
    if (!mixtures)
        return; /* said already: the key must be given */
    if (mixtures->kind != NODE_MAPPING || !mixtures->first) {
        draft_cannot_be(draft, "runs.multilingual[].mixtures", mixtures, "a mapping, as {europe: [en, fr, de]}");
        return;
    }
    uint32_t *languages = draft_allocate(draft, draft->study.language_count, sizeof *languages);
    double *given = draft_allocate(draft, draft->study.language_count, sizeof *given);
    group->mixtures = draft_allocate(draft, node_count(mixtures), sizeof *group->mixtures);
    if (languages && given && group->mixtures)
        for (const struct node *item = mixtures->first; item; item = item->next)
            read_mixture(draft, group, item, languages, given);
    free(languages);
    free(given);
}

/* The mixtures of the group that it is from. */
static void read_cooldown(struct study_draft *draft, struct study_group *group, const struct node *node) {
    const struct study_group *trunk = draft->study.groups;
    while (trunk < group && strcmp(trunk->name, group->from) != 0)
        trunk++;
    if (!group->from[0])
        return; /* said already */
    if (trunk == group || strcmp(trunk->kind, "cooldown") == 0 || strcmp(trunk->kind, "finetune") == 0 ||
        study_group_is_own(trunk)) {
        mistakes_add(draft->mistakes, node_child(node, "from")->place,
                     "no group '%s' stands before this one, with random weights and the shared vocabulary",
                     group->from);
        return;
    }
    group->seed = trunk->seed;
    group->mixtures = draft_allocate(draft, trunk->mixture_count, sizeof *group->mixtures);
    for (uint32_t m = 0; group->mixtures && m < trunk->mixture_count; m++) {
        const struct study_mixture *mixture = &trunk->mixtures[m];
        add_mixture(draft, group, mixture->name, mixture->rule, mixture->languages, mixture->given,
                    mixture->language_count);
        memcpy(group->mixtures[m].given, mixture->given, mixture->language_count * sizeof *mixture->given);
    }
}

static const struct {
    const char *kind, *keys;
    void (*read)(struct study_draft *draft, struct study_group *group, const struct node *node);
} kinds[] = {{"monolingual", "runs.monolingual[]", read_monolingual},
             {"bilingual", "runs.bilingual[]", read_bilingual},
             {"multilingual", "runs.multilingual[]", read_multilingual},
             {"finetune", "runs.finetune[]", read_single_languages},
             {"cooldown", "runs.cooldown[]", read_cooldown}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* One group: a mapping, of which nothing may be given. place: where it stands. */
static void read_group(struct study_draft *draft, int kind, const struct node *node, struct place place) {
    draft->group_places[draft->study.group_count] = place;
    struct study_group *group = &draft->study.groups[draft->study.group_count++];
    snprintf(group->kind, sizeof group->kind, "%s", kinds[kind].kind);
    if (node->kind != NODE_MAPPING && !node_is_empty(node)) {
        draft_cannot_be(draft, "a group of runs", node, "a mapping, or a list of mappings");
        return;
    }
    draft_read_keys(draft, kinds[kind].keys, node->kind == NODE_MAPPING ? node : NULL, place, group);
    kinds[kind].read(draft, group, node);
    if (!group->name[0])
        snprintf(group->name, sizeof group->name, "%s", group->kind);
    if (!group->seed)
        group->seed = draft->study.seed;
    read_group_sizes(draft, group, node_child(node, "sizes"));
}

static void read_groups(struct study_draft *draft, int kind, const struct node *node) {
    const bool list = node->kind == NODE_LIST;
    if (list && !node->first)
        draft_cannot_be(draft, "a group of runs", node, "a mapping, or a list of mappings");
    for (const struct node *group = list ? node->first : node; group; group = list ? group->next : NULL)
        read_group(draft, kind, group, draft_key_place(group));
}

void draft_read_runs(struct study_draft *draft) {
    struct study *study = &draft->study;
    const struct node *runs = draft_find(draft, "runs");
    size_t most = 0;
    for (const struct node *node = runs ? runs->first : NULL; node; node = node->next)
        most += node->kind == NODE_LIST ? node_count(node) : 1;
    study->groups = draft_allocate(draft, most, sizeof *study->groups);
    draft->group_places = draft_allocate(draft, most, sizeof *draft->group_places);
    if (!runs || !study->groups || !draft->group_places)
        return;
    for (const struct node *node = runs->first; node; node = node->next)
        for (int k = 0; k < KINDS; k++)
            if (strcmp(node->name, kinds[k].kind) == 0)
                read_groups(draft, k, node);
    if (study->group_count == 0 && !draft->mistakes->count)
        mistakes_add(draft->mistakes, draft_key_place(runs),
                     "runs has none; give one or more of monolingual, bilingual, multilingual, finetune");
}

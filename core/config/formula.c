/* norm.kind: formula. Each formula that was made lives as long as the process. */
#include "config/formula.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/keep.h"
#include "config/parts.h"
#include "config/value.h"
#include "operation/formula.h"

enum { PARAMETERS, STATES, SETTINGS, KINDS };

/* Texts of a source are copies, which live as long as the formula. */
static void take_declared(int kind, const struct nl_declared *d, struct nl_formula_source *out)
{
    double number = 0;
    unsigned axes = 0;
    nl_number_read((d->init ? d->init : d->value)->text, &number);
    if (d->shape)
        nl_formula_shape(d->shape->text, &axes);
    if (kind == PARAMETERS)
        out->parameter[out->parameters++] = (struct nl_formula_parameter){nl_strdup(d->name), axes, number};
    else if (kind == STATES)
        out->state[out->states++] =
            (struct nl_formula_state){nl_strdup(d->name), axes, number, nl_strdup(d->next->text)};
    else
        out->setting[out->settings++] = (struct nl_formula_setting){nl_strdup(d->name), number};
}

/* False: what is declared cannot be read, which was said where it was read first. */
static bool take_source(const struct nl_config *config, struct nl_formula_source *out)
{
    static const char *const keys[] = {"norm.parameters", "norm.states", "norm.settings"};
    const char *const texts[] = {config->norm.parameters, config->norm.states, config->norm.settings};
    const struct nl_origin nowhere = {.line_text = ""};
    struct nl_diagnostics diagnostics = {0};
    out->formula = nl_strdup(config->norm.formula);
    out->evaluation = *config->norm.evaluation ? nl_strdup(config->norm.evaluation) : NULL;
    for (int k = 0; k < KINDS; k++) {
        const struct nl_node *map = nl_yaml_parse(texts[k], &nowhere, &diagnostics);
        for (int i = 0; map && map->kind == NL_MAPPING && i < map->count; i++) {
            struct nl_declared declared;
            int before = diagnostics.count;
            nl_declared_read(nl_key_named(keys[k]), map->item[2 * i], map->item[2 * i + 1], &declared, &diagnostics);
            if (diagnostics.count == before)
                take_declared(k, &declared, out);
        }
    }
    bool read = diagnostics.count == 0;
    nl_diagnostics_release(&diagnostics);
    return read;
}

struct made {
    char *texts; /* all that it was made of */
    struct nl_formula_norm row;
    bool good;
    struct nl_formula_error error;
};

static struct made **made;
static int made_count, made_capacity;
static pthread_mutex_t made_lock = PTHREAD_MUTEX_INITIALIZER;

/* Two threads may make the same one: then the first that is listed is found from then on. */
static const struct made *make(const struct nl_config *config, char *texts)
{
    struct made *out = nl_alloc(1, sizeof *out);
    struct nl_formula_source source = {0};
    out->texts = texts;
    struct nl_formula *formula = take_source(config, &source) ? nl_formula_make(&source, &out->error) : NULL;
    out->good = formula != NULL;
    if (formula)
        out->row = nl_formula_row(formula, nl_strdup(*config->norm.name ? config->norm.name : "formula"));
    pthread_mutex_lock(&made_lock);
    NL_GROW(made, made_count, made_capacity);
    made[made_count++] = out;
    pthread_mutex_unlock(&made_lock);
    return out;
}

/* Found, or made now. */
static const struct made *made_of(const struct nl_config *config)
{
    char *texts = nl_format("%s\n%s\n%s\n%s\n%s\n%s", config->norm.formula, config->norm.evaluation,
                            config->norm.parameters, config->norm.states, config->norm.settings, config->norm.name);
    const struct made *found = NULL;
    pthread_mutex_lock(&made_lock);
    for (int i = 0; i < made_count && !found; i++)
        if (strcmp(made[i]->texts, texts) == 0)
            found = made[i];
    pthread_mutex_unlock(&made_lock);
    if (!found)
        return make(config, texts);
    free(texts);
    return found;
}

const struct nl_formula_error *nl_formula_error_of(const struct nl_config *config)
{
    const struct made *found = made_of(config);
    return found->good || !found->error.text.text[0] ? NULL : &found->error;
}

const struct nl_norm *nl_formula_norm_of(const struct nl_config *config)
{
    const struct made *found = made_of(config);
    return found->good ? &found->row.norm : NULL;
}

void nl_settle_formula(struct nl_config *config)
{
    const struct nl_norm *norm = nl_formula_norm_of(config);
    if (!norm)
        return;
    char *text = nl_formula_canonical(nl_formula_of(norm)),
         *usual = nl_formula_canonical(nl_formula_of(&nl_norm_formula));
    config->norm.formula = nl_keep_text(strcmp(text, usual) == 0 ? NL_DEFAULT_FORMULA : text);
    config->norm.evaluation = nl_keep_text("");
    config->norm.parameters = config->norm.states = config->norm.settings = nl_keep_text("{}");
    free(text);
    free(usual);
}

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "cmd.h"
#include "config/value.h"
#include "saved.h"
#include "train/sampler.h"

enum { CONFIG = 'c', PROMPT = 256, TOKENS, TEMPERATURE, TOP_K, SEED, MOST_TOKENS = 100000000 };

static const struct option options[] = {
    {"config", required_argument, NULL, CONFIG},
    {"prompt", required_argument, NULL, PROMPT},
    {"tokens", required_argument, NULL, TOKENS},
    {"temperature", required_argument, NULL, TEMPERATURE},
    {"top-k", required_argument, NULL, TOP_K},
    {"seed", required_argument, NULL, SEED},
    {0},
};

struct request {
    const char *config, *prompt;
    int tokens, seed;
    struct nl_token_draw how;
};

static bool read_temperature(const char *text, double *out)
{
    if (nl_number_read(text, out) && isfinite(*out) && *out >= 0)
        return true;
    bad_input("0 takes the likeliest token each time, 1 draws from the network's distribution",
              "'--temperature' must be a number from 0 up, not '%s'", text);
    return false;
}

static bool read_option(int option, struct request *out)
{
    switch (option) {
    case CONFIG: out->config = optarg; return true;
    case PROMPT: out->prompt = optarg; return true;
    case TOKENS: return read_count("--tokens", optarg, 1, MOST_TOKENS, &out->tokens);
    case TEMPERATURE: return read_temperature(optarg, &out->how.temperature);
    case TOP_K: return read_count("--top-k", optarg, 1, MOST_TOKENS, &out->how.top);
    case SEED: return read_count("--seed", optarg, 0, 2147483647, &out->seed);
    default: return false;
    }
}

/* Text as it comes. A terminal is not given what it would obey: there a byte that is no character stands as \xNN. */
static int print_tokens(const struct nl_alphabet *alphabet, const int32_t *tokens, int64_t count)
{
    struct nl_text text = {0}, shown = {0};
    for (int64_t i = 0; i < count; i++)
        nl_alphabet_add(alphabet, tokens[i], &text);
    bool terminal = isatty(STDOUT_FILENO);
    if (terminal)
        nl_text_add_shown(&shown, text.at);
    const struct nl_text *out = terminal ? &shown : &text;
    fwrite(out->at, 1, out->length, stdout);
    nl_text_release(&text);
    nl_text_release(&shown);
    return fflush(stdout);
}

static int go_on(const struct nl_sampler *sampler, const struct nl_alphabet *alphabet, const struct request *request,
                 int32_t *tokens, int64_t given)
{
    struct nl_error err;
    double *logits = nl_alloc((size_t)alphabet->count, sizeof *logits);
    int code = print_tokens(alphabet, tokens, given) ? EXIT_FAILED : EXIT_DONE;
    for (int64_t n = 0; n < request->tokens && code == EXIT_DONE; n++) {
        int64_t count = given + n;
        if (nl_sampler_logits(sampler, tokens, count, logits, &err))
            code = fail("%s", err.text);
        else
            tokens[count] = nl_sample(&request->how, logits, alphabet->count, n);
        if (code == EXIT_DONE && print_tokens(alphabet, &tokens[count], 1))
            code = EXIT_FAILED;
    }
    free(logits);
    return code;
}

static int sample(const char *path, const struct request *request, const struct nl_config *config,
                  const struct nl_tensor_file *file)
{
    struct nl_error err;
    struct nl_alphabet alphabet;
    if (nl_sampler_alphabet(config, file, path, &alphabet, &err))
        return bad_input("normlab run gpt_shakespeare --save-final MODEL.safetensors makes one that knows a text", "%s",
                         err.text);
    int64_t given = 0;
    int32_t *tokens = nl_alphabet_encode(&alphabet, request->prompt, strlen(request->prompt), &given, &err);
    struct nl_sampler *sampler = NULL;
    int code = EXIT_DONE;
    if (!tokens)
        code = bad_input(NULL, "'--prompt': %s", err.text);
    else if (!(sampler = nl_sampler_open(config, alphabet.count, file, path, &err)))
        code = bad_input(NULL, "%s", err.text);
    if (code == EXIT_DONE) {
        tokens = nl_realloc(tokens, (size_t)(given + request->tokens), sizeof *tokens);
        code = go_on(sampler, &alphabet, request, tokens, given);
    }
    nl_sampler_free(sampler);
    free(tokens);
    nl_alphabet_release(&alphabet);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct request request = {.prompt = "\n", .tokens = 500, .seed = 1, .how = {.temperature = 1}};
    for (int option; (option = next_option(self, argc, argv, "c:", options)) != OPTION_END;)
        if (!read_option(option, &request))
            return EXIT_BAD_INPUT;
    request.how.seed = (uint64_t)request.seed;
    struct arguments arguments;
    struct nl_tensor_file file;
    struct nl_experiment experiment;
    if (!sort_arguments(self, "model", argc, argv, &arguments))
        return EXIT_BAD_INPUT;
    int code = EXIT_BAD_INPUT;
    if (!arguments.file)
        bad_input("normlab run gpt_shakespeare --save-final MODEL.safetensors makes one", "sample needs a model file");
    else if (read_saved(arguments.file, &file)) {
        if (load_saved(request.config, &arguments, &file, "sample reads", &experiment))
            code = sample(arguments.file, &request, &experiment.config, &file);
        nl_safetensors_release(&file);
    }
    free(arguments.override);
    return code;
}

const struct command command_sample = {
    .name = "sample",
    .summary = "continue a text with a saved language model",
    .usage =
        "usage: normlab sample MODEL.safetensors [KEY=VALUE ...] [options]\n"
        "\n"
        "Prints the prompt and what a network writes after it, token by token. The network is one that `normlab run --save-final` wrote after\n"
        "training on a text (data.name: text), or a checkpoint of such a training (--checkpoint). The file says which characters it knows; the\n"
        "text itself is not needed. It sees at most the last data.context tokens. The same seed gives the same text on every processor.\n"
        "\n"
        "      --prompt TEXT    what the text begins with (default: a line feed)\n"
        "      --tokens N       tokens to add (default: 500)\n"
        "      --temperature T  divides the logits: below 1 likely tokens become likelier; 0 takes the likeliest (default: 1)\n"
        "      --top-k K        draw from the K likeliest tokens only (default: from all)\n"
        "      --seed S         of the draws (default: 1)\n"
        "  -c, --config FILE    the configuration, where the model file has none\n"
        "\n"
        "examples:\n"
        "  normlab run gpt_shakespeare --save-final model.safetensors\n"
        "  normlab sample model.safetensors --prompt 'ROMEO:' --tokens 200 --temperature 0.8\n"
        "  normlab sample model.safetensors --temperature 0 --tokens 100\n",
    .run = run,
};

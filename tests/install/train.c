/* A program of somebody else's: trains what a file describes, with the installed library.
 *
 *     cc train.c $(pkg-config --cflags --libs normlab) -o train && ./train configs/mlp_digits.yaml
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include <normlab/train/train.h>

int main(int argc, char **argv)
{
    struct nl_diagnostics problems = {0};
    struct nl_experiment experiment;
    struct nl_trial_result result;
    struct nl_error err;
    setlocale(LC_ALL, ""); /* as most programs do: numbers in files have a point nevertheless */
    if (argc != 2) {
        fprintf(stderr, "usage: train FILE\n");
        return 2;
    }
    if (nl_experiment_load(argv[1], NULL, 0, &experiment, &problems)) {
        char *text = nl_diagnostics_text(&problems);
        fputs(text, stderr);
        free(text);
        nl_diagnostics_release(&problems);
        return 2;
    }
    struct nl_dataset *dataset = nl_dataset_open(&experiment.config, &err);
    if (!dataset || nl_trial_run(&experiment.config, dataset, NULL, &result, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%.17g\n", result.score[NL_PART_TEST][NL_EVAL_RUNNING].loss);
    nl_trial_result_release(&result);
    nl_dataset_free(dataset);
    return 0;
}

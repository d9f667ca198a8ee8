/* Cohorts on the kernels for a GPU, run by the host: whole trainings through the trainer, steps recorded and replayed. */
#include "cohorts.h"

#include "backend/backend.h"
#include "suite.h"

START_TEST(together_as_alone)
{
    static const char *const base[] = {"device.kind=cuda", "data.train=48", "data.test=20", "train.batch=12", "train.epochs=3", "train.log_every=2", "model.depth=1",
                                       "model.width=8", "model.dropout=0.1", "train.momentum=0.9", "norm.eval=running,precise", NULL};
    ck_assert_ptr_eq(nl_backend_of(NL_CUDA), &nl_backend_cuda);
    check_cohort(base);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cohort on cuda");
    TCase *tests = tcase_create("cohort");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, together_as_alone);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

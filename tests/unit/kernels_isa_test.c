#include "kernels/isa.h"

#include <criterion/criterion.h>
#include <string.h>

#include "msg.h"

Test(isa, every_level_is_found_by_its_name) {
    for (int i = 0; i < JD_ISAS; i++) {
        enum jd_isa isa = JD_ISAS;
        cr_assert_eq(jd_isa_find(jd_text(jd_isa_name((enum jd_isa)i)), &isa), 0);
        cr_expect_eq((int)isa, i);
    }
}

Test(isa, other_names_are_refused) {
    static const char *const unknown[] = {"", "avx", "avx22", "AVX2", "sse2", "baseline "};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        enum jd_isa isa = JD_ISAS;
        cr_expect_eq(jd_isa_find(jd_text(unknown[i]), &isa), JOBD_E_INVAL);
        cr_expect_eq(isa, JD_ISAS, "untouched");
    }
}

Test(isa, baseline_is_everywhere_and_the_best_is_available) {
    cr_expect(jd_isa_available(JD_ISA_BASELINE));
    cr_expect(jd_isa_available(jd_isa_best()));
    for (int i = (int)jd_isa_best() + 1; i < JD_ISAS; i++)
        cr_expect(!jd_isa_available((enum jd_isa)i));
}

Test(isa, the_list_has_those_that_are_available) {
    char names[JD_ISA_NAMES_MAX];
    cr_expect_str_eq(jd_isa_available_names(names), names);
    for (int i = 0; i < JD_ISAS; i++)
        cr_expect_eq(strstr(names, jd_isa_name((enum jd_isa)i)) != NULL,
                     jd_isa_available((enum jd_isa)i));
    cr_expect_eq(names[0], ' ');
}

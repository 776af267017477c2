# Files and functions that grew too long; a file of tests is as long as its room needs, a public header
# as its manual. A function is what starts in column 0 and is closed by a brace in column 0, as
# clang-format leaves it.
function finish_file() {
    if (lines > 450 && file !~ /^(tests|client\/include)\//)
        print file ":" lines ": a file has at most 450 lines; split it by noun"
}
FNR == 1 { finish_file(); start = 0; file = FILENAME }
{ lines = FNR }
/^[A-Za-z_]/ { start = FNR }
/^}$/ {
    if (start && FNR - start + 1 > 70)
        print file ":" start ": a function has at most 70 lines, this one has " FNR - start + 1
    start = 0
}
END { finish_file() }

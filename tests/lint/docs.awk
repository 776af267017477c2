# Every public function has a comment that says what it returns, whether it blocks, which threads may
# call it and since when.
FNR == 1 { doc = ""; in_doc = 0 }
/^\/\*\*/ { doc = ""; in_doc = 1 }
in_doc { doc = doc "\n" $0; if ($0 ~ /\*\//) in_doc = 0; next }
/^JOBD_API / {
    n = split("Returns Blocks Thread Since", field, " ")
    for (i = 1; i <= n; i++)
        if (doc !~ "[* ]" field[i] "  ")
            print FILENAME ":" FNR ": the doc comment lacks \"" field[i] "\""
}
/[;}]$/ { doc = "" }

# Bars of milliseconds on a logarithmic scale. data: a file of "label" milliseconds family; chart: the
# SVG to write.
n = int(system("wc -l <" . data))
set encoding utf8
set terminal svg size 900, 90 + 22 * n font "sans-serif,13" background "#ffffff"
set output chart
set title "cos over [0, π/2], 10⁶ steps in two jobs: median of a call" font ",15"
set xlabel "milliseconds, logarithmic"
set logscale x
set xrange [0.2:1000]
set yrange [n - 0.3:-0.7]
set grid xtics lc rgb "#dddddd"
set border 1 lc rgb "#888888"
set tics nomirror out
set lmargin 46
set ytics scale 0 textcolor rgb "#222222"
set key bottom right samplen 1 spacing 1.2
array colour[4] = ["#8a8a8a", "#6aa5d8", "#6cbf84", "#e07b39"]
array name[4] = ["Python", "compiled, libm's cos", "bare C, SIMD", "jobd"]
set style fill solid 1 noborder
plot for [k = 0:3] data using ($3 == k ? $2 : 1/0):0:(0.2):2:($0 - 0.36):($0 + 0.36):ytic(1) \
         with boxxyerror lc rgb colour[k + 1] title name[k + 1], \
     data using 2:0:(sprintf(" %.3g", $2)) with labels left font ",11" notitle

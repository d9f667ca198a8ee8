# Final metric against an axis of the sweep.
# Draw it:  gnuplot -e "format='png'" figure.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,290 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,907 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,7.678cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'figure.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
# x mean lower upper n: BN
$mean1_1 << EOD
 0 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x value: each seed
$seeds1_1 << EOD
 0 2.99943603
 0 2.90416812
 0 3.05097672
EOD
# x mean lower upper n: LN
$mean1_2 << EOD
 1 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x value: each seed
$seeds1_2 << EOD
 1 2.99943603
 1 2.90416812
 1 3.05097672
EOD
# x mean lower upper n: no norm
$mean1_3 << EOD
 2 3.0306137166666667 0.8303444014513748 5.230883031881958 3
EOD
# x value: each seed
$seeds1_3 << EOD
 2 3.01495152
 2 2.95890137
 2 3.11798826
EOD
# x mean lower upper n: BN
$mean2_1 << EOD
 0 23.005556066666667 17.69910728855225 28.312004844781086 3
EOD
# x value: each seed
$seeds2_1 << EOD
 0 22.9924608
 0 22.9289258
 0 23.0952816
EOD
# x mean lower upper n: LN
$mean2_2 << EOD
 1 2.9945129566666666 0.8064447641647494 5.182581149168584 3
EOD
# x value: each seed
$seeds2_2 << EOD
 1 2.98830699
 1 2.91571527
 1 3.07951661
EOD
# x mean lower upper n: no norm
$mean2_3 << EOD
 2 3.0495446666666663 0.8429078700517272 5.256181463281607 3
EOD
# x value: each seed
$seeds2_3 << EOD
 2 3.04717701
 2 2.98154781
 2 3.11990918
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# axis labels
set label "normalizer" at screen 0.5199, screen 0.0276 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "test error (%)" at screen 0.0103, screen 0.5241 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = -1.13248; top = 29.4445 # of the y axis: intervals that reach beyond are cut there
# panel 1: batch size 64
set label "batch size 64" at screen 0.2798, screen 0.9757 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("BN" 0, "LN" 1, "no norm" 2) font ticks
set lmargin at screen 0.0516; set rmargin at screen 0.5080; set bmargin at screen 0.1009; set tmargin at screen 0.9473
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("BN" 0, "LN" 1, "no norm" 2) font ticks
unset logscale y
set yrange [-1.13248019:29.444485]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20, "25" 25) font ticks
plot NaN notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean1_1 using 1:2 with points linestyle 1 notitle, \
     $mean1_2 using 1:2 with points linestyle 2 notitle, \
     $mean1_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

# panel 2: batch size 2
set label "batch size 2" at screen 0.7599, screen 0.9757 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("BN" 0, "LN" 1, "no norm" 2) font ticks
set lmargin at screen 0.5318; set rmargin at screen 0.9881; set bmargin at screen 0.1009; set tmargin at screen 0.9473
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("BN" 0, "LN" 1, "no norm" 2) font ticks
unset logscale y
set yrange [-1.13248019:29.444485]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 5, "" 10, "" 15, "" 20, "" 25) font ticks
plot NaN notitle, \
     $seeds2_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds2_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds2_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean2_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean2_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean2_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean2_1 using 1:2 with points linestyle 1 notitle, \
     $mean2_2 using 1:2 with points linestyle 2 notitle, \
     $mean2_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

unset multiplot

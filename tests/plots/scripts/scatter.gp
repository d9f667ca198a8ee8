# Final metric against an axis of the sweep.
# Draw it:  gnuplot -e "format='png'" figure.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,214 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,670 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,5.673cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'figure.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
# x mean lower upper n left right: BN
$mean1_1 << EOD
 23.0056 23.005556066666667 17.69910728855225 28.312004844781086 3 20.2185 25.7926
 2.98486 2.98486029 0.8000675892640099 5.16965299073599 3 1.85221 4.11751
EOD
# x value: each seed
$seeds1_1 << EOD
 22.9925 22.9924608
 22.9289 22.9289258
 23.0953 23.0952816
 2.99944 2.99943603
 2.90417 2.90416812
 3.05098 3.05097672
EOD
# x mean lower upper n left right: LN
$mean1_2 << EOD
 2.99451 2.9945129566666666 0.8064447641647494 5.182581149168584 3 1.86011 4.12891
 2.98486 2.98486029 0.8000675892640099 5.16965299073599 3 1.85221 4.11751
EOD
# x value: each seed
$seeds1_2 << EOD
 2.98831 2.98830699
 2.91572 2.91571527
 3.07952 3.07951661
 2.99944 2.99943603
 2.90417 2.90416812
 3.05098 3.05097672
EOD
# x mean lower upper n left right: no norm
$mean1_3 << EOD
 3.04954 3.0495446666666663 0.8429078700517272 5.256181463281607 3 1.90521 4.19388
 3.03061 3.0306137166666667 0.8303444014513748 5.230883031881958 3 1.88969 4.17154
EOD
# x value: each seed
$seeds1_3 << EOD
 3.04718 3.04717701
 2.98155 2.98154781
 3.11991 3.11990918
 3.01495 3.01495152
 2.9589 2.95890137
 3.11799 3.11798826
EOD
# x mean lower upper n left right: BN
$mean2_1 << EOD
 23.0056 23.005556066666667 17.69910728855225 28.312004844781086 3 20.2185 25.7926
 2.98486 2.98486029 0.8000675892640099 5.16965299073599 3 1.85221 4.11751
EOD
# x value: each seed
$seeds2_1 << EOD
 22.9925 22.9924608
 22.9289 22.9289258
 23.0953 23.0952816
 2.99944 2.99943603
 2.90417 2.90416812
 3.05098 3.05097672
EOD
# x mean lower upper n left right: LN
$mean2_2 << EOD
 2.99451 2.9945129566666666 0.8064447641647494 5.182581149168584 3 1.86011 4.12891
 2.98486 2.98486029 0.8000675892640099 5.16965299073599 3 1.85221 4.11751
EOD
# x value: each seed
$seeds2_2 << EOD
 2.98831 2.98830699
 2.91572 2.91571527
 3.07952 3.07951661
 2.99944 2.99943603
 2.90417 2.90416812
 3.05098 3.05097672
EOD
# x mean lower upper n left right: no norm
$mean2_3 << EOD
 3.04954 3.0495446666666663 0.8429078700517272 5.256181463281607 3 1.90521 4.19388
 3.03061 3.0306137166666667 0.8303444014513748 5.230883031881958 3 1.88969 4.17154
EOD
# x value: each seed
$seeds2_3 << EOD
 3.04718 3.04717701
 2.98155 2.98154781
 3.11991 3.11990918
 3.01495 3.01495152
 2.9589 2.95890137
 3.11799 3.11798826
EOD
# x mean lower upper n left right: BN
$mean3_1 << EOD
 23.0056 23.005556066666667 17.69910728855225 28.312004844781086 3 20.2185 25.7926
 2.98486 2.98486029 0.8000675892640099 5.16965299073599 3 1.85221 4.11751
EOD
# x value: each seed
$seeds3_1 << EOD
 22.9925 22.9924608
 22.9289 22.9289258
 23.0953 23.0952816
 2.99944 2.99943603
 2.90417 2.90416812
 3.05098 3.05097672
EOD
# x mean lower upper n left right: LN
$mean3_2 << EOD
 90.0455 90.04546196666666 86.25734857050482 93.83357536282851 3 88.0609 92.03
 90.0222 90.02221093333334 86.23022142723025 93.81420043943642 3 88.0356 92.0088
EOD
# x value: each seed
$seeds3_2 << EOD
 90.0375 90.0374844
 89.9767 89.9766638
 90.1222 90.1222377
 90.0057 90.005697
 89.9488 89.9488494
 90.1121 90.1120864
EOD
# x mean lower upper n left right: no norm
$mean3_3 << EOD
 90 90 90 90 3 90 90
 90 90 90 90 3 90 90
EOD
# x value: each seed
$seeds3_3 << EOD
 90 90
 90 90
 90 90
 90 90
 90 90
 90 90
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set label '' at screen 0.4109, screen 0.9671 point linestyle 1
set label "BN" at screen 0.4346, screen 0.9671 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set label '' at screen 0.4915, screen 0.9671 point linestyle 2
set label "LN" at screen 0.5153, screen 0.9671 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set label '' at screen 0.5722, screen 0.9671 point linestyle 3
set label "no norm" at screen 0.5959, screen 0.9671 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "training error (%)" at screen 0.5243, screen 0.0373 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "test error (%)" at screen 0.0103, screen 0.5047 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = 2.52725; top = 107.828 # of the y axis: intervals that reach beyond are cut there
left = 2.60234; right = 105.558 # of the x axis
# panel 1: learning rate 0.01
set label "learning rate 0.01" at screen 0.2072, screen 0.9114 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set lmargin at screen 0.0606; set rmargin at screen 0.3539; set bmargin at screen 0.1366; set tmargin at screen 0.8729
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set logscale y
set yrange [2.52725051:107.828043]
set ytics nomirror out offset 0.9,0 norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
plot NaN notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_2 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 2 notitle, \
     $mean1_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean1_3 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 3 notitle, \
     $mean1_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 3 notitle, \
     $mean1_1 using 1:2 with points linestyle 1 notitle, \
     $mean1_2 using 1:2 with points linestyle 2 notitle, \
     $mean1_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

# panel 2: learning rate 0.1
set label "learning rate 0.1" at screen 0.5243, screen 0.9114 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set lmargin at screen 0.3777; set rmargin at screen 0.6710; set bmargin at screen 0.1366; set tmargin at screen 0.8729
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set logscale y
set yrange [2.52725051:107.828043]
set ytics nomirror out offset 0.9,0 norotate ("" 3 1, "" 4 1, "" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "" 10, "" 20, "" 30 1, "" 40 1, "" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "" 100) font ticks
plot NaN notitle, \
     $seeds2_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds2_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds2_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean2_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean2_1 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 1 notitle, \
     $mean2_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 1 notitle, \
     $mean2_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean2_2 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 2 notitle, \
     $mean2_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 2 notitle, \
     $mean2_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean2_3 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 3 notitle, \
     $mean2_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 3 notitle, \
     $mean2_1 using 1:2 with points linestyle 1 notitle, \
     $mean2_2 using 1:2 with points linestyle 2 notitle, \
     $mean2_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

# panel 3: learning rate 1
set label "learning rate 1" at screen 0.8414, screen 0.9114 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set lmargin at screen 0.6948; set rmargin at screen 0.9881; set bmargin at screen 0.1366; set tmargin at screen 0.8729
set logscale x
set xrange [2.60233849:105.55767]
set xtics nomirror out offset 0,0.5*up norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set logscale y
set yrange [2.52725051:107.828043]
set ytics nomirror out offset 0.9,0 norotate ("" 3 1, "" 4 1, "" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "" 10, "" 20, "" 30 1, "" 40 1, "" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "" 100) font ticks
plot NaN notitle, \
     $seeds3_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds3_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds3_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean3_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean3_1 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 1 notitle, \
     $mean3_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 1 notitle, \
     $mean3_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean3_2 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 2 notitle, \
     $mean3_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 2 notitle, \
     $mean3_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean3_3 using ($6 > left ? $6 : left):2:(($7 < right ? $7 : right) - ($6 > left ? $6 : left)):(0) with vectors nohead linestyle 3 notitle, \
     $mean3_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0063,25 linestyle 3 notitle, \
     $mean3_1 using 1:2 with points linestyle 1 notitle, \
     $mean3_2 using 1:2 with points linestyle 2 notitle, \
     $mean3_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

unset multiplot

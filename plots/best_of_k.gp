# What tuning costs: the expected metric of the best of k settings.
# Draw it:  gnuplot -e "format='png'" best_of_k.gp   (svg, png, pdf, or txt on the terminal; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 325,221 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 1016,690 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.6cm,5.839cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (format eq 'txt') { set terminal dumb noenhanced mono size 100,36 }
if (!exists('picture')) picture = format eq 'txt' ? '' : 'best_of_k.'.format # '': the standard output
if (picture ne '') { set output picture }

# k mean lower upper seeds: no norm
$line1_1 << EOD
 1 39.9429009294048 34.73995519213846 45.14584666667114 8
 2 17.457855447894012 12.991590548127963 21.924120347660057 8
 3 8.357227605299585 5.695722778023357 11.018732432575812 8
 4 5.133837884480557 3.61731136288814 6.650364406072974 8
 5 4.171542895835955 2.953461225569446 5.389624566102464 8
 6 3.9356693542104852 2.69424134861629 5.17709735980468 8
 7 3.8819578022662853 2.576326860705142 5.187588743827428 8
 8 3.863156980123561 2.4886722281870646 5.237641732060058 8
 9 3.8528951768026314 2.4083152867968796 5.297475066808383 8
 10 3.846940334729539 2.335414937071775 5.358465732387302 8
 11 3.8424461142970143 2.269174644755138 5.41571758383889 8
 12 3.836266561202294 2.207409496986092 5.465123625418497 8
 13 3.823907455012854 2.1462316034930478 5.50158330653266 8
EOD
# k mean lower upper seeds: BN
$line1_2 << EOD
 1 10.578653351789601 8.758043147365202 12.399263556213999 8
 2 2.7165315404389956 1.8345131950390867 3.5985498858389047 8
 3 2.174528556276628 1.5226786467547804 2.826378465798476 8
 4 2.014848904309058 1.391280914136089 2.6384168944820274 8
 5 1.9573079020379789 1.3104469278356707 2.604168876240287 8
 6 1.9338817780334483 1.2457383861581732 2.6220251699087234 8
 7 1.9260168922765317 1.1931601826798421 2.6588736018732213 8
 8 1.9263726847274398 1.1500806615632222 2.7026647078916577 8
 9 1.9311215776511397 1.1138710213558787 2.748372133946401 8
 10 1.9379078505042506 1.0828118153494377 2.7930038856590635 8
 11 1.9453233142179145 1.0563691079910091 2.8342775204448194 8
 12 1.9527387779315786 1.0347428243835919 2.870734731479565 8
 13 1.9601542416452427 1.0183430983865822 2.901965384903903 8
EOD
# k mean lower upper seeds: LN
$line1_3 << EOD
 1 31.61286335772198 27.817271333739235 35.40845538170473 8
 2 11.17395029991431 8.357926504255254 13.989974095573368 8
 3 5.076536573965881 3.436120320094027 6.716952827837734 8
 4 3.576959030686537 2.3828549301407773 4.771063131232297 8
 5 3.2498481952209466 2.157885870148589 4.341810520293304 8
 6 3.1413851786602436 2.095169251147514 4.187601106172973 8
 7 3.0660695345785327 2.0575015230327143 4.074637546124351 8
 8 3.000990725926459 2.025833265903667 3.9761481859492505 8
 9 2.9402538335700292 1.9946645544767847 3.8858431126632738 8
 10 2.8810200082693664 1.9623665082219837 3.799673508316749 8
 11 2.821583943049239 1.928524142146168 3.71464374395231 8
 12 2.7610243227209814 1.8921018329518398 3.629946812490123 8
 13 2.699228791773779 1.850584150777003 3.5478734327705554 8
EOD
# k mean lower upper seeds: GN
$line1_4 << EOD
 1 31.412398655329255 30.52245411231715 32.30234319834136 8
 2 11.303968097027225 10.286547354857433 12.321388839197017 8
 3 5.440276304672191 4.462008544172701 6.418544065171683 8
 4 4.010363672317399 3.0541637094395413 4.966563635195256 8
 5 3.666534836200646 2.701468238043747 4.6316014343575445 8
 6 3.5221767307242886 2.5316131078746205 4.512740353573956 8
 7 3.4192590828194938 2.393969045834839 4.444549119804149 8
 8 3.337707707887657 2.272587457569057 4.402827958206257 8
 9 3.2676577920793854 2.1613331404585074 4.373982443700264 8
 10 3.202693835727255 2.0571657869510087 4.348221884503501 8
 11 3.1375650912925983 1.9581593204465584 4.316970862138638 8
 12 3.067530156219103 1.8632537906312605 4.271806521806946 8
 13 2.9884318766066844 1.7718332411547257 4.205030512058642 8
EOD
set style line 1 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set style line 2 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 3 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 4 linecolor rgb '#009e73' linewidth 1.3 pointtype 9 pointsize 0.55
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.1882, screen 0.9681 to screen 0.2575, screen 0.9681 nohead linestyle 1 dashtype 1
set label '' at screen 0.2229, screen 0.9681 point linestyle 1
set label "no norm" at screen 0.2720, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4395, screen 0.9681 to screen 0.5088, screen 0.9681 nohead linestyle 2 dashtype 1
set label '' at screen 0.4741, screen 0.9681 point linestyle 2
set label "BN" at screen 0.5232, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.6064, screen 0.9681 to screen 0.6757, screen 0.9681 nohead linestyle 3 dashtype 1
set label '' at screen 0.6410, screen 0.9681 point linestyle 3
set label "LN" at screen 0.6901, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.7733, screen 0.9681 to screen 0.8426, screen 0.9681 nohead linestyle 4 dashtype 1
set label '' at screen 0.8080, screen 0.9681 point linestyle 4
set label "GN" at screen 0.8571, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "learning rates tried (k)" at screen 0.5411, screen 0.0362 center noenhanced font sprintf(',%.3g', 8 * pt)
if (format eq 'txt') {
    set label "test error (%)" at screen 0.0000, screen 0.9515 left noenhanced font sprintf(',%.3g', 8 * pt)
} else {
    set label "test error (%)" at screen 0.0213, screen 0.5325 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)
}

set multiplot
floor = 1.6977 # of the y axis: bands that reach below it are cut there
# panel 1: 
unset logscale x
set xrange [0.55:13.45]
set xtics nomirror out offset 0,0.5*up norotate ("1" 1, "2" 2, "3" 3, "4" 4, "5" 5, "6" 6, "7" 7, "8" 8, "9" 9, "10" 10, "11" 11, "12" 12, "13" 13) font ticks
set lmargin at screen 0.1069; set rmargin at screen 0.9754; set bmargin at screen 0.1327; set tmargin at screen 0.9322
unset logscale x
set xrange [0.55:13.45]
set xtics nomirror out offset 0,0.5*up norotate ("1" 1, "2" 2, "3" 3, "4" 4, "5" 5, "6" 6, "7" 7, "8" 8, "9" 9, "10" 10, "11" 11, "12" 12, "13" 13) font ticks
set logscale y
set yrange [1.69770326:51.2172328]
set ytics nomirror out offset 0.9,0 norotate ("2" 2, "" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50) font ticks
plot NaN notitle, \
     $line1_1 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#000000' notitle, \
     $line1_2 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#d55e00' notitle, \
     $line1_3 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#0072b2' notitle, \
     $line1_4 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#009e73' notitle, \
     $line1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $line1_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $line1_3 using 1:2 with lines linestyle 3 dashtype 1 notitle, \
     $line1_4 using 1:2 with lines linestyle 4 dashtype 1 notitle, \
     $line1_1 using 1:2 with points linestyle 1 notitle, \
     $line1_2 using 1:2 with points linestyle 2 notitle, \
     $line1_3 using 1:2 with points linestyle 3 notitle, \
     $line1_4 using 1:2 with points linestyle 4 notitle
unset label; unset arrow; unset object

unset multiplot

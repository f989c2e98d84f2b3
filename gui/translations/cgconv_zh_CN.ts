<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>App</name>
    <message>
        <location filename="../app.py" line="57"/>
        <source>Convert</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="58"/>
        <source>Train</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="59"/>
        <source>Settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="60"/>
        <source>Log</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="195"/>
        <source>Looking for pictures and films …</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <location filename="../app.py" line="205"/>
        <source>%n file(s) found</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../app.py" line="207"/>
        <source>%n of them in the queue before</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../app.py" line="209"/>
        <source>%n result(s) of earlier runs left out</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../app.py" line="211"/>
        <source>%n other file(s) left out</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <location filename="../app.py" line="220"/>
        <source>Pictures and films</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="226"/>
        <source>Folder with pictures and films</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="309"/>
        <source>The queue cannot be saved in {folder}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="352"/>
        <source>Looking at {name} …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="357"/>
        <source>Model files</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="358"/>
        <source>Models (*.onnx *.pth *.pt *.ckpt *.safetensors);;All files (*)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="373"/>
        <source>Delete the model {name}?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="400"/>
        <source>Save as preset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="401"/>
        <source>Name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="419"/>
        <source>Options</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="421"/>
        <source>Export the options</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="424"/>
        <source>{path} cannot be written.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="427"/>
        <source>Import options</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="434"/>
        <source>{path} holds no preset of cgconv.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="472"/>
        <source>Making a model of it, and checking it against torch …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="486"/>
        <source>{name} is in the gallery now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="489"/>
        <source>The training is through. Use this model now?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="495"/>
        <source>Paused. Go on when you like; the checkpoint is saved.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="498"/>
        <source>The gallery is up to date.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="517"/>
        <source>The training stopped unexpectedly. Go on from its last checkpoint; the log says more.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="520"/>
        <source>The worker stopped unexpectedly; the log says more.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="526"/>
        <source>Training needs PyTorch, which is not installed. In a terminal: {command}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="560"/>
        <source>The worker for previews stopped unexpectedly and will be started again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../app.py" line="562"/>
        <source>The preview failed; the log says more.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>CompareView</name>
    <message>
        <location filename="../compare_view.py" line="69"/>
        <source>Before and after</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../compare_view.py" line="71"/>
        <source>Arrow keys move the divider, plus and minus zoom, Space shows the original.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../compare_view.py" line="205"/>
        <source>Before</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../compare_view.py" line="206"/>
        <source>After</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Conversion</name>
    <message>
        <location filename="../conversion.py" line="90"/>
        <source>There is nothing to translate: add pictures or films first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../conversion.py" line="93"/>
        <source>Pick a model first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../conversion.py" line="139"/>
        <source>The worker stopped while it looked at the queue. See the log; start again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../conversion.py" line="149"/>
        <source>The worker stopped unexpectedly while it worked on this file. Try it again; if that fails too, the log says more.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../conversion.py" line="156"/>
        <source>The worker stopped unexpectedly and was started again.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ConvertPage</name>
    <message>
        <location filename="../convert_page.py" line="69"/>
        <source>Model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="81"/>
        <source>Options</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="111"/>
        <source>&amp;Add files …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="112"/>
        <source>Add &amp;folder …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="117"/>
        <source>Remove from the queue (Del)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="118"/>
        <source>Move up (Ctrl+Up)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="119"/>
        <source>Move down (Ctrl+Down)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="124"/>
        <source>Clear finished</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="138"/>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="139"/>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="147"/>
        <source>Import model …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="148"/>
        <source>Information</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="149"/>
        <source>Remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="150"/>
        <source>Remove this model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="152"/>
        <source>Preset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="155"/>
        <source>Presets</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="158"/>
        <source>Save as preset …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="160"/>
        <source>Delete this preset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="163"/>
        <source>Export to a file …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="164"/>
        <source>Import from a file …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="171"/>
        <source>Total progress</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="176"/>
        <location filename="../convert_page.py" line="213"/>
        <source>&amp;Start</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="178"/>
        <source>&amp;Pause</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="179"/>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="213"/>
        <source>&amp;Go on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="217"/>
        <source>Settling names …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="218"/>
        <source>Paused</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="219"/>
        <source>Stopping after what is being done now …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="230"/>
        <source>{done} of {count}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="232"/>
        <source>{time} left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="235"/>
        <source>reading</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="235"/>
        <source>translating</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="235"/>
        <source>writing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="237"/>
        <source>slowest: {stage}</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <location filename="../convert_page.py" line="243"/>
        <source>%n done</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../convert_page.py" line="245"/>
        <source>%n existed already</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../convert_page.py" line="247"/>
        <source>%n failed</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <location filename="../convert_page.py" line="249"/>
        <source>%n stopped</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="255"/>
        <source>processor</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <location filename="../convert_page.py" line="261"/>
        <source>%n file(s)</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <location filename="../convert_page.py" line="276"/>
        <source>Last used</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>DropHint</name>
    <message>
        <location filename="../main_window.py" line="47"/>
        <source>Drop to add to the queue</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>FolderBox</name>
    <message>
        <location filename="../train_page.py" line="87"/>
        <source>Choose the folder: {title}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="89"/>
        <source>What these pictures are: {title}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="99"/>
        <source>Folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="100"/>
        <source>Called</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>GalleryModel</name>
    <message>
        <location filename="../gallery.py" line="61"/>
        <source>cannot be used</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../gallery.py" line="66"/>
        <source>licence not said</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>GalleryView</name>
    <message>
        <location filename="../gallery.py" line="177"/>
        <source>Models</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ItemDialog</name>
    <message numerus="yes">
        <location filename="../dialogs.py" line="35"/>
        <source>Model and options of %n file(s)</source>
        <translation type="unfinished">
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <location filename="../dialogs.py" line="37"/>
        <location filename="../dialogs.py" line="54"/>
        <source>Model</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LogPage</name>
    <message>
        <location filename="../log_page.py" line="25"/>
        <source>Log</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../log_page.py" line="26"/>
        <source>Nothing has been logged yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../log_page.py" line="27"/>
        <source>Copy all</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../log_page.py" line="28"/>
        <source>Clear</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../log_page.py" line="29"/>
        <source>Examine this computer</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <location filename="../main_window.py" line="70"/>
        <source>Pages</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelDialog</name>
    <message>
        <location filename="../dialogs.py" line="70"/>
        <source>file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../dialogs.py" line="72"/>
        <source>problem</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../dialogs.py" line="83"/>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>OptionsPanel</name>
    <message>
        <location filename="../options_panel.py" line="44"/>
        <source>Strength</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="46"/>
        <source>Results go to</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="47"/>
        <source>Name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="48"/>
        <source>If one exists</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="49"/>
        <source>Short side</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="50"/>
        <source>Film</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="51"/>
        <source>Picture quality</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="52"/>
        <source>Compute on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="55"/>
        <source>Picture format</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="56"/>
        <source>Film format</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="59"/>
        <source>From second</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="60"/>
        <source>To second</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="61"/>
        <source>Computed by</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="62"/>
        <source>Precision</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="63"/>
        <source>Batch</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="64"/>
        <source>Threads</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="65"/>
        <source>Largest picture</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="67"/>
        <source>Advanced</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="88"/>
        <source>Keep the original&apos;s colours</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="89"/>
        <source>Beside the originals</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="92"/>
        <location filename="../options_panel.py" line="93"/>
        <source>Choose the folder for results</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="97"/>
        <source>How results are called; {name} is the original&apos;s name, {model} the model&apos;s. Empty: name.model beside originals, the same name in another folder.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="101"/>
        <source>Leave it, skip the file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="101"/>
        <source>Replace it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="102"/>
        <source>Keep both</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="102"/>
        <source>Count as failed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="104"/>
        <source>Keep the size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="106"/>
        <location filename="../options_panel.py" line="109"/>
        <location filename="../options_panel.py" line="112"/>
        <location filename="../options_panel.py" line="114"/>
        <location filename="../options_panel.py" line="130"/>
        <location filename="../options_panel.py" line="132"/>
        <location filename="../options_panel.py" line="135"/>
        <source>Automatic</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="110"/>
        <source>Film quality: lower is better and larger</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="111"/>
        <source>Film quality</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="114"/>
        <source>Processor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="114"/>
        <source>NVIDIA GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="115"/>
        <source>Intel GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="117"/>
        <source>As the original</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="122"/>
        <source>Keep the sound</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="123"/>
        <source>Take HDR films (colours come out dull)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="125"/>
        <source>The beginning</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="125"/>
        <source>The end</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="134"/>
        <source>All</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../options_panel.py" line="233"/>
        <source>Folder for results</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>PreviewPanel</name>
    <message>
        <location filename="../preview_panel.py" line="63"/>
        <location filename="../preview_panel.py" line="64"/>
        <source>Place in the film</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="66"/>
        <source>Play 3 seconds</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="67"/>
        <source>Translate three seconds from here, small, and play them over and over</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="68"/>
        <source>Fit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="69"/>
        <source>Show the whole picture (0)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="70"/>
        <source>1:1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="71"/>
        <source>Show every pixel (1)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="73"/>
        <source>Zoom in</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="74"/>
        <source>Zoom in (+)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="76"/>
        <source>Zoom out</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="77"/>
        <source>Zoom out (-)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="129"/>
        <source>Select a file in the queue to see it before and after.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="131"/>
        <source>Reading {name} …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="155"/>
        <location filename="../preview_panel.py" line="187"/>
        <source>Preview is being made …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="177"/>
        <source>No preview</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="184"/>
        <source>Translating …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="187"/>
        <source>Original</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="189"/>
        <source>Quick look; full resolution is on its way …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="191"/>
        <source>Shown smaller than the result will be</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="194"/>
        <source>Full resolution, {size}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="197"/>
        <source>Loop: {done} of {count} frames</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../preview_panel.py" line="223"/>
        <source>Loop is being made …</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>QueueModel</name>
    <message>
        <location filename="../queue_model.py" line="70"/>
        <source>File</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="71"/>
        <source>Kind</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="72"/>
        <source>Size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="73"/>
        <source>Model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="74"/>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="75"/>
        <source>Speed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="76"/>
        <source>Time left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="191"/>
        <source>Film</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="191"/>
        <source>Picture</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="200"/>
        <source>{rate} fps</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="212"/>
        <source>Cannot be read</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="214"/>
        <source>Waiting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="215"/>
        <source>Next</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="216"/>
        <source>Translating</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="217"/>
        <source>Done</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="218"/>
        <source>Exists already</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="219"/>
        <source>Failed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_model.py" line="220"/>
        <source>Stopped</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>QueueView</name>
    <message>
        <location filename="../queue_view.py" line="106"/>
        <source>Queue</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="149"/>
        <source>Remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="150"/>
        <source>Move up</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="151"/>
        <source>Move down</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="152"/>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="153"/>
        <source>Open result</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="154"/>
        <source>Show in folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="155"/>
        <source>Own model and options …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="156"/>
        <source>Use the page&apos;s model and options</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="157"/>
        <source>Copy the reason</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="236"/>
        <source>Drop photographs, films or folders here,
or press Add files.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SampleView</name>
    <message>
        <location filename="../train_page.py" line="143"/>
        <source>Samples: picture, translation, translated back, both ways</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="162"/>
        <source>Samples appear here while the model learns: each row a picture, its translation, and that translated back, in both directions.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <location filename="../settings_page.py" line="42"/>
        <location filename="../settings_page.py" line="48"/>
        <source>As the desktop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="49"/>
        <source>Light</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="50"/>
        <source>Dark</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="54"/>
        <source>Window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="56"/>
        <source>Language</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="56"/>
        <source>Appearance</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="63"/>
        <source>Models</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="66"/>
        <source>Show the model folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="70"/>
        <source>Caches</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="71"/>
        <source>Being measured …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="73"/>
        <source>Clear the caches</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="74"/>
        <source>Show the cache folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="78"/>
        <source>Everything in them is made again when it is needed.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="101"/>
        <source>thumbnails</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="101"/>
        <source>samples of models</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="102"/>
        <source>engines</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="102"/>
        <source>measurements</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="106"/>
        <source>{size} in {folder}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../settings_page.py" line="113"/>
        <source>The language changes when the window is opened next time.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>TrainPage</name>
    <message>
        <location filename="../train_page.py" line="199"/>
        <source>From: pictures like yours</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="199"/>
        <source>Drop a folder of photographs here</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="200"/>
        <source>To: what they should look like</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="200"/>
        <source>Drop a folder of paintings here</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="203"/>
        <source>Small: 128 pixels, also for processors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="204"/>
        <source>As published: 256 pixels, for a GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="215"/>
        <location filename="../train_page.py" line="401"/>
        <source>&amp;Start training</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="216"/>
        <source>Continue a run …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="217"/>
        <source>&amp;Pause</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="218"/>
        <source>Use this model now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="223"/>
        <source>Training progress</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="230"/>
        <source>Curves of the losses appear here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="254"/>
        <source>Preset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="254"/>
        <source>Times through</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="254"/>
        <source>Run&apos;s folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="294"/>
        <source>{a} and {b} pictures.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="295"/>
        <source>Nothing stands in the way.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="305"/>
        <source>Learning on {device} in {precision}: the first numbers come soon …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="312"/>
        <source>{seen} of {total} pictures · {speed} a second · {left} left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="356"/>
        <source>Looking at the pictures …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="364"/>
        <source>Direction</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="378"/>
        <source>The run&apos;s folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="385"/>
        <source>Getting ready …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="390"/>
        <source>Saving a checkpoint …</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="401"/>
        <source>&amp;Go on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="434"/>
        <source>pictures seen</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../train_page.py" line="435"/>
        <source>loss</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>application</name>
    <message>
        <location filename="../app.py" line="640"/>
        <source>cgconv is open already.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>self.queue</name>
    <message>
        <location filename="../queue_view.py" line="138"/>
        <source>Picture</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="138"/>
        <source>Film</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="138"/>
        <source>Kind</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="140"/>
        <source>Model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="141"/>
        <source>Exists already</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="141"/>
        <source>Cannot be read</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="142"/>
        <source>Speed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../queue_view.py" line="143"/>
        <source>Time left</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>texts</name>
    <message>
        <location filename="../texts.py" line="37"/>
        <source>{seconds} s a picture</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <location filename="../texts.py" line="38"/>
        <source>{count} pictures a second</source>
        <translation type="unfinished"></translation>
    </message>
</context>
</TS>

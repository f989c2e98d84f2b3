<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
    <context>
        <name>QueueActions</name>
        <message numerus="yes">
            <source>%n file(s) found</source>
            <translation>
                <numerusform>%n file found</numerusform>
                <numerusform>%n files found</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n of them in the queue before</source>
            <translation>
                <numerusform>%n was in the queue before</numerusform>
                <numerusform>%n were in the queue before</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n result(s) of earlier runs left out</source>
            <translation>
                <numerusform>%n result of an earlier run left out</numerusform>
                <numerusform>%n results of earlier runs left out</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n other file(s) left out</source>
            <translation>
                <numerusform>%n other file left out</numerusform>
                <numerusform>%n other files left out</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) added, for {model}</source>
            <translation>
                <numerusform>%n file added, for {model}</numerusform>
                <numerusform>%n files added, for {model}</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) removed from the queue; Ctrl+Z brings back</source>
            <translation>
                <numerusform>%n file removed from the queue; Ctrl+Z brings it back</numerusform>
                <numerusform>%n files removed from the queue; Ctrl+Z brings them back</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) in the queue again</source>
            <translation>
                <numerusform>%n file is in the queue again</numerusform>
                <numerusform>%n files are in the queue again</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>ConvertPage</name>
        <message numerus="yes">
            <source>%n done</source>
            <translation>
                <numerusform>%n done</numerusform>
                <numerusform>%n done</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n existed already</source>
            <translation>
                <numerusform>%n existed already</numerusform>
                <numerusform>%n existed already</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n failed</source>
            <translation>
                <numerusform>%n failed</numerusform>
                <numerusform>%n failed</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n stopped</source>
            <translation>
                <numerusform>%n stopped</numerusform>
                <numerusform>%n stopped</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n file(s)</source>
            <translation>
                <numerusform>%n file</numerusform>
                <numerusform>%n files</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n removed, Ctrl+Z undoes it</source>
            <translation>
                <numerusform>%n removed, Ctrl+Z undoes it</numerusform>
                <numerusform>%n removed, Ctrl+Z undoes it</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>ItemDialog</name>
        <message numerus="yes">
            <source>Model and options of %n file(s)</source>
            <translation>
                <numerusform>Model and options of %n file</numerusform>
                <numerusform>Model and options of %n files</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>StartActions</name>
        <message numerus="yes">
            <source>Everything in the queue is done. Translate %n file(s) again with {model}?</source>
            <translation>
                <numerusform>Everything in the queue is done. Translate %n file again with {model}?</numerusform>
                <numerusform>Everything in the queue is done. Translate %n files again with {model}?</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>Closing</name>
        <message numerus="yes">
            <source>%n file(s) still to translate: they stay in the queue for the next start.</source>
            <translation>
                <numerusform>%n file still to translate: it stays in the queue for the next start.</numerusform>
                <numerusform>%n files still to translate: they stay in the queue for the next start.</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>quantities</name>
        <message numerus="yes">
            <source>%n minute(s)</source>
            <translation>
                <numerusform>%n minute</numerusform>
                <numerusform>%n minutes</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n hour(s)</source>
            <translation>
                <numerusform>%n hour</numerusform>
                <numerusform>%n hours</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n day(s)</source>
            <translation>
                <numerusform>%n day</numerusform>
                <numerusform>%n days</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>SuspendDialog</name>
        <message numerus="yes">
            <source>This computer is suspended in %n second(s).</source>
            <translation>
                <numerusform>This computer is suspended in %n second.</numerusform>
                <numerusform>This computer is suspended in %n seconds.</numerusform>
            </translation>
        </message>
    </context>
</TS>

<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
    <context>
        <name>App</name>
        <message>
            <source>Convert</source>
            <translation>转换</translation>
        </message>
        <message>
            <source>Train</source>
            <translation>训练</translation>
        </message>
        <message>
            <source>Settings</source>
            <translation>设置</translation>
        </message>
        <message>
            <source>Log</source>
            <translation>日志</translation>
        </message>
        <message>
            <source>The queue cannot be saved in {folder}.</source>
            <translation>无法将队列保存到 {folder}。</translation>
        </message>
        <message>
            <source>The worker for previews stopped unexpectedly and will be started again.</source>
            <translation>预览进程意外停止，将重新启动。</translation>
        </message>
        <message>
            <source>The preview failed; the log says more.</source>
            <translation>预览失败，详情见日志。</translation>
        </message>
        <message>
            <source>{name} is picked: add pictures and press Start.</source>
            <translation>已选择 {name}：添加图片，然后按“开始”。</translation>
        </message>
        <message>
            <source>Models</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>Caches</source>
            <translation>缓存</translation>
        </message>
    </context>
    <context>
        <name>SheetActions</name>
        <message>
            <source>Put a picture into the queue first: the sheet shows what each model makes of it.</source>
            <translation>请先把图片加入队列：对比图会显示每个模型的效果。</translation>
        </message>
        <message>
            <source>Sheet of all models</source>
            <translation>所有模型的对比图</translation>
        </message>
        <message>
            <source>Pictures (*.jpg *.png)</source>
            <translation>图片 (*.jpg *.png)</translation>
        </message>
        <message>
            <source>Making a sheet of all models …</source>
            <translation>正在制作所有模型的对比图…</translation>
        </message>
        <message>
            <source>Sheet of all models: {name} …</source>
            <translation>所有模型的对比图：{name}…</translation>
        </message>
        <message>
            <source>The sheet is {path}</source>
            <translation>对比图：{path}</translation>
        </message>
    </context>
    <context>
        <name>ModelActions</name>
        <message>
            <source>Model files</source>
            <translation>模型文件</translation>
        </message>
        <message>
            <source>Models ({suffixes});;All files (*)</source>
            <translation>模型 ({suffixes});;所有文件 (*)</translation>
        </message>
        <message>
            <source>Delete the model {name}?</source>
            <translation>删除模型 {name}？</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly; the log says more.</source>
            <translation>工作进程意外停止，详情见日志。</translation>
        </message>
        <message>
            <source>Its file is deleted: {path}</source>
            <translation>将删除其文件：{path}</translation>
        </message>
        <message>
            <source>{name} is deleted.</source>
            <translation>{name} 已删除。</translation>
        </message>
        <message>
            <source>{name} is described anew.</source>
            <translation>已更新 {name} 的描述。</translation>
        </message>
        <message>
            <source>{name} is being used; wait until that is done.</source>
            <translation>{name} 正在使用；请等待完成。</translation>
        </message>
    </context>
    <context>
        <name>ModelSteps</name>
        <message>
            <source>Stopped.</source>
            <translation>已停止。</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly; the log says more.</source>
            <translation>工作进程意外停止，详情见日志。</translation>
        </message>
        <message>
            <source>{size}: {phase}, {seconds} s</source>
            <translation>{size}：{phase}，{seconds} 秒</translation>
        </message>
        <message>
            <source>Engine for {size}: {decibels} dB from the model</source>
            <translation>{size} 的引擎：与模型相差 {decibels} dB</translation>
        </message>
        <message>
            <source>Done.</source>
            <translation>完成。</translation>
        </message>
        <message>
            <source>Getting ready …</source>
            <translation>正在准备…</translation>
        </message>
        <message>
            <source>A model is being written or compiled; you would have to start that again.</source>
            <translation>正在写入或编译模型，之后需要重新开始。</translation>
        </message>
    </context>
    <context>
        <name>PresetActions</name>
        <message>
            <source>Save as preset</source>
            <translation>另存为预设</translation>
        </message>
        <message>
            <source>Name</source>
            <translation>名称</translation>
        </message>
        <message>
            <source>Options</source>
            <translation>选项</translation>
        </message>
        <message>
            <source>Export the options</source>
            <translation>导出选项</translation>
        </message>
        <message>
            <source>{path} cannot be written.</source>
            <translation>无法写入 {path}。</translation>
        </message>
        <message>
            <source>Import options</source>
            <translation>导入选项</translation>
        </message>
        <message>
            <source>{path} holds no preset of cgconv.</source>
            <translation>{path} 不是 cgconv 的预设。</translation>
        </message>
        <message>
            <source>{path} already exists; select it, or choose another name.</source>
            <translation>{path} 已存在：请选择该文件，或换一个名称。</translation>
        </message>
        <message>
            <source>The options are in {path} now.</source>
            <translation>选项已保存到 {path}。</translation>
        </message>
        <message>
            <source>{name} is imported</source>
            <translation>已导入 {name}</translation>
        </message>
        <message>
            <source>nothing differs from the defaults</source>
            <translation>与默认值没有不同</translation>
        </message>
        <message>
            <source>imported: {options}</source>
            <translation>已采用：{options}</translation>
        </message>
        <message>
            <source>not imported, because unknown here: {options}</source>
            <translation>未采用（此处未知）：{options}</translation>
        </message>
    </context>
    <context>
        <name>QueueActions</name>
        <message>
            <source>Looking for pictures and films …</source>
            <translation>正在查找图片和影片…</translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) found</source>
            <translation>
                <numerusform>找到 %n 个文件</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n of them in the queue before</source>
            <translation>
                <numerusform>其中 %n 个已在队列中</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n result(s) of earlier runs left out</source>
            <translation>
                <numerusform>略过 %n 个以前的结果</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n other file(s) left out</source>
            <translation>
                <numerusform>略过 %n 个其他文件</numerusform>
            </translation>
        </message>
        <message>
            <source>Pictures and films</source>
            <translation>图片和影片</translation>
        </message>
        <message>
            <source>Folder with pictures and films</source>
            <translation>包含图片和影片的文件夹</translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) added, for {model}</source>
            <translation>
                <numerusform>已添加 %n 个文件，使用 {model}</numerusform>
            </translation>
        </message>
        <message>
            <source>{count} pictures and films in {folder}: add them all?</source>
            <translation>{folder} 中有 {count} 个图片和影片：全部添加吗？</translation>
        </message>
        <message>
            <source>{count} pictures and films: add them all?</source>
            <translation>共有 {count} 个图片和影片：全部添加吗？</translation>
        </message>
        <message>
            <source>Add all</source>
            <translation>全部添加</translation>
        </message>
        <message>
            <source>Nothing was added.</source>
            <translation>没有添加任何文件。</translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) removed from the queue; Ctrl+Z brings back</source>
            <translation>
                <numerusform>已从队列移除 %n 个文件；按 Ctrl+Z 可恢复</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) in the queue again</source>
            <translation>
                <numerusform>%n 个文件已回到队列</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>TrainingActions</name>
        <message>
            <source>Making a model of it, and checking it against torch …</source>
            <translation>正在导出模型，并与 torch 核对…</translation>
        </message>
        <message>
            <source>{name} is in the gallery now.</source>
            <translation>{name} 已加入模型库。</translation>
        </message>
        <message>
            <source>The training has finished. Use this model now?</source>
            <translation>训练已完成。现在就使用这个模型吗？</translation>
        </message>
        <message>
            <source>Paused. Go on when you like; the checkpoint is saved.</source>
            <translation>已暂停，检查点已保存，可随时继续。</translation>
        </message>
        <message>
            <source>The training stopped unexpectedly. Go on from its last checkpoint; the log says more.</source>
            <translation>训练意外停止。可从最近的检查点继续，详情见日志。</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly; the log says more.</source>
            <translation>工作进程意外停止，详情见日志。</translation>
        </message>
        <message>
            <source>Training needs PyTorch, which is not installed. In a terminal: {command}</source>
            <translation>训练需要 PyTorch，尚未安装。请在终端中运行：{command}</translation>
        </message>
        <message>
            <source>The training stopped unexpectedly before its first checkpoint; the log says more.</source>
            <translation>训练在保存第一个检查点之前意外停止；详情见日志。</translation>
        </message>
        <message>
            <source>A model is being made of the run; you would have to start that again.</source>
            <translation>正在由训练生成模型，之后需要重新开始。</translation>
        </message>
    </context>
    <context>
        <name>CompareView</name>
        <message>
            <source>Before and after</source>
            <translation>前后对比</translation>
        </message>
        <message>
            <source>Arrow keys move the divider, plus and minus zoom, Space shows the original.</source>
            <translation>方向键移动分隔线，加减号缩放，空格显示原图。</translation>
        </message>
        <message>
            <source>Before</source>
            <translation>原图</translation>
        </message>
        <message>
            <source>After</source>
            <translation>结果</translation>
        </message>
        <message>
            <source>Result</source>
            <translation>成品</translation>
        </message>
    </context>
    <context>
        <name>Conversion</name>
        <message>
            <source>There is nothing to translate: add pictures or films first.</source>
            <translation>没有可转换的内容：请先添加图片或影片。</translation>
        </message>
        <message>
            <source>Pick a model first.</source>
            <translation>请先选择模型。</translation>
        </message>
        <message>
            <source>The worker stopped while it looked at the queue. See the log; start again.</source>
            <translation>工作进程在检查队列时停止。请查看日志后重新开始。</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly while it worked on this file. Try it again; if that fails too, the log says more.</source>
            <translation>处理此文件时工作进程意外停止。请重试；若仍失败，请查看日志。</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly and was started again.</source>
            <translation>工作进程意外停止，已重新启动。</translation>
        </message>
        <message>
            <source>The worker cannot be started, or stops before it begins; the log says more.</source>
            <translation>工作进程无法启动，或在开始前就停止；详情见日志。</translation>
        </message>
    </context>
    <context>
        <name>ConvertPage</name>
        <message>
            <source>Model</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>&amp;Add files …</source>
            <translation>添加文件(&amp;A)…</translation>
        </message>
        <message>
            <source>Remove from the queue (Del)</source>
            <translation>从队列移除 (Del)</translation>
        </message>
        <message>
            <source>Move up (Ctrl+Up)</source>
            <translation>上移 (Ctrl+↑)</translation>
        </message>
        <message>
            <source>Move down (Ctrl+Down)</source>
            <translation>下移 (Ctrl+↓)</translation>
        </message>
        <message>
            <source>Clear finished</source>
            <translation>清除已完成</translation>
        </message>
        <message>
            <source>Copy</source>
            <translation>复制</translation>
        </message>
        <message>
            <source>Try again</source>
            <translation>重试</translation>
        </message>
        <message>
            <source>Preset</source>
            <translation>预设</translation>
        </message>
        <message>
            <source>Presets</source>
            <translation>预设</translation>
        </message>
        <message>
            <source>Save as preset …</source>
            <translation>另存为预设…</translation>
        </message>
        <message>
            <source>Delete this preset</source>
            <translation>删除此预设</translation>
        </message>
        <message>
            <source>Export to a file …</source>
            <translation>导出到文件…</translation>
        </message>
        <message>
            <source>Import from a file …</source>
            <translation>从文件导入…</translation>
        </message>
        <message>
            <source>Total progress</source>
            <translation>总进度</translation>
        </message>
        <message>
            <source>&amp;Start</source>
            <translation>开始(&amp;S)</translation>
        </message>
        <message>
            <source>&amp;Pause</source>
            <translation>暂停(&amp;P)</translation>
        </message>
        <message>
            <source>Cancel</source>
            <translation>取消</translation>
        </message>
        <message>
            <source>&amp;Go on</source>
            <translation>继续(&amp;G)</translation>
        </message>
        <message>
            <source>Choosing file names for the results …</source>
            <translation>正在确定文件名…</translation>
        </message>
        <message>
            <source>Paused</source>
            <translation>已暂停</translation>
        </message>
        <message>
            <source>Stopping after what is being done now …</source>
            <translation>完成当前工作后停止…</translation>
        </message>
        <message>
            <source>{done} of {count}</source>
            <translation>{done} / {count}</translation>
        </message>
        <message>
            <source>{time} left</source>
            <translation>剩余 {time}</translation>
        </message>
        <message>
            <source>reading</source>
            <translation>读取</translation>
        </message>
        <message>
            <source>translating</source>
            <translation>转换</translation>
        </message>
        <message>
            <source>writing</source>
            <translation>写入</translation>
        </message>
        <message>
            <source>slowest: {stage}</source>
            <translation>最慢：{stage}</translation>
        </message>
        <message numerus="yes">
            <source>%n done</source>
            <translation>
                <numerusform>%n 个完成</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n existed already</source>
            <translation>
                <numerusform>%n 个已存在</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n failed</source>
            <translation>
                <numerusform>%n 个失败</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n stopped</source>
            <translation>
                <numerusform>%n 个停止</numerusform>
            </translation>
        </message>
        <message>
            <source>processor</source>
            <translation>处理器</translation>
        </message>
        <message numerus="yes">
            <source>%n file(s)</source>
            <translation>
                <numerusform>%n 个文件</numerusform>
            </translation>
        </message>
        <message>
            <source>Preparing the model for {size}: {phase}, {seconds} s</source>
            <translation>正在为 {size} 准备模型：{phase}，{seconds} 秒</translation>
        </message>
        <message>
            <source>What every model makes of the selected pictures, side by side in one file</source>
            <translation>每个模型处理所选图片的效果，并排放在一个文件中</translation>
        </message>
        <message>
            <source>Show all columns, as a table</source>
            <translation>以表格显示所有列</translation>
        </message>
        <message>
            <source>About the selected file</source>
            <translation>所选文件的说明</translation>
        </message>
        <message>
            <source>Compare all …</source>
            <translation>全部对比…</translation>
        </message>
        <message>
            <source>Import …</source>
            <translation>导入…</translation>
        </message>
        <message>
            <source>Bring in a model file or a checkpoint</source>
            <translation>导入模型文件或检查点</translation>
        </message>
        <message>
            <source>About it</source>
            <translation>模型信息</translation>
        </message>
        <message>
            <source>All that is known of this model</source>
            <translation>有关此模型的全部信息</translation>
        </message>
        <message>
            <source>Delete</source>
            <translation>删除</translation>
        </message>
        <message>
            <source>Delete this model</source>
            <translation>删除此模型</translation>
        </message>
        <message>
            <source>Undo removal</source>
            <translation>撤销移除</translation>
        </message>
        <message>
            <source>Bring back what was removed (Ctrl+Z)</source>
            <translation>恢复已移除的文件 (Ctrl+Z)</translation>
        </message>
        <message>
            <source>Show only what failed</source>
            <translation>只显示失败的</translation>
        </message>
        <message>
            <source>{some} of {words}</source>
            <translation>{words}中的 {some} 个</translation>
        </message>
        <message numerus="yes">
            <source>%n removed, Ctrl+Z undoes it</source>
            <translation>
                <numerusform>已移除 %n 个，Ctrl+Z 撤销</numerusform>
            </translation>
        </message>
        <message>
            <source>The finished part: {path}</source>
            <translation>已完成的部分：{path}</translation>
        </message>
        <message>
            <source>Add f&amp;older …</source>
            <translation>添加文件夹(&amp;O)…</translation>
        </message>
        <message>
            <source>Reset all options</source>
            <translation>重置所有选项</translation>
        </message>
        <message>
            <source>Uses the options below</source>
            <translation>如下方选项</translation>
        </message>
        <message>
            <source>Sets of options</source>
            <translation>成套的选项</translation>
        </message>
    </context>
    <context>
        <name>DropHint</name>
        <message>
            <source>Drop to add to the queue</source>
            <translation>松开即可加入队列</translation>
        </message>
    </context>
    <context>
        <name>FolderBox</name>
        <message>
            <source>Choose the folder: {title}</source>
            <translation>选择文件夹：{title}</translation>
        </message>
        <message>
            <source>What these pictures are: {title}</source>
            <translation>这些图片是什么：{title}</translation>
        </message>
        <message>
            <source>Folder</source>
            <translation>文件夹</translation>
        </message>
        <message>
            <source>Called</source>
            <translation>称为</translation>
        </message>
    </context>
    <context>
        <name>GalleryModel</name>
        <message>
            <source>cannot be used</source>
            <translation>无法使用</translation>
        </message>
        <message>
            <source>licence not said</source>
            <translation>许可未注明</translation>
        </message>
    </context>
    <context>
        <name>GalleryView</name>
        <message>
            <source>Models</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>About it …</source>
            <translation>关于该模型…</translation>
        </message>
        <message>
            <source>Rename and describe …</source>
            <translation>重命名并描述…</translation>
        </message>
        <message>
            <source>Delete …</source>
            <translation>删除…</translation>
        </message>
        <message>
            <source>This model comes with cgconv.</source>
            <translation>该模型随 cgconv 提供。</translation>
        </message>
    </context>
    <context>
        <name>ItemDialog</name>
        <message numerus="yes">
            <source>Model and options of %n file(s)</source>
            <translation>
                <numerusform>%n 个文件的模型与选项</numerusform>
            </translation>
        </message>
        <message>
            <source>Model</source>
            <translation>模型</translation>
        </message>
    </context>
    <context>
        <name>LogPage</name>
        <message>
            <source>Log</source>
            <translation>日志</translation>
        </message>
        <message>
            <source>Nothing has been logged yet.</source>
            <translation>尚无日志。</translation>
        </message>
        <message>
            <source>Copy all</source>
            <translation>全部复制</translation>
        </message>
        <message>
            <source>Clear</source>
            <translation>清空</translation>
        </message>
        <message>
            <source>Examine this computer</source>
            <translation>检查此电脑</translation>
        </message>
        <message>
            <source>Saved in {path}, together with older logs</source>
            <translation>与更早的日志一起保存在 {path}</translation>
        </message>
        <message>
            <source>Show the log's folder</source>
            <translation>显示日志文件夹</translation>
        </message>
    </context>
    <context>
        <name>MainWindow</name>
        <message>
            <source>Pages</source>
            <translation>页面</translation>
        </message>
        <message>
            <source>Picture on the whole screen</source>
            <translation>全屏显示图片</translation>
        </message>
    </context>
    <context>
        <name>ModelDialog</name>
        <message>
            <source>file</source>
            <translation>文件</translation>
        </message>
        <message>
            <source>problem</source>
            <translation>问题</translation>
        </message>
        <message>
            <source>Copy</source>
            <translation>复制</translation>
        </message>
    </context>
    <context>
        <name>memory</name>
        <message>
            <source>Parts of {path} could not be read; what was left out is in {aside}.</source>
            <translation>{path} 有部分内容无法读取；未读取的部分已另存于 {aside}。</translation>
        </message>
        <message>
            <source>{path} could not be read, so it was renamed to {name}.</source>
            <translation>{path} 无法读取，现已改名为 {name}。</translation>
        </message>
        <message>
            <source>{path} could not be read: {reason}</source>
            <translation>{path} 无法读取：{reason}</translation>
        </message>
    </context>
    <context>
        <name>OptionsPanel</name>
        <message>
            <source>Strength</source>
            <translation>强度</translation>
        </message>
        <message>
            <source>Results go to</source>
            <translation>结果保存到</translation>
        </message>
        <message>
            <source>Name</source>
            <translation>名称</translation>
        </message>
        <message>
            <source>If one exists</source>
            <translation>若已存在</translation>
        </message>
        <message>
            <source>Short side</source>
            <translation>短边</translation>
        </message>
        <message>
            <source>Picture quality</source>
            <translation>图片质量</translation>
        </message>
        <message>
            <source>Compute on</source>
            <translation>计算设备</translation>
        </message>
        <message>
            <source>Picture format</source>
            <translation>图片格式</translation>
        </message>
        <message>
            <source>Film format</source>
            <translation>影片格式</translation>
        </message>
        <message>
            <source>From second</source>
            <translation>起始秒</translation>
        </message>
        <message>
            <source>To second</source>
            <translation>结束秒</translation>
        </message>
        <message>
            <source>Computed by</source>
            <translation>计算后端</translation>
        </message>
        <message>
            <source>Precision</source>
            <translation>精度</translation>
        </message>
        <message>
            <source>Batch</source>
            <translation>批量</translation>
        </message>
        <message>
            <source>Threads</source>
            <translation>线程</translation>
        </message>
        <message>
            <source>Largest picture</source>
            <translation>最大图片</translation>
        </message>
        <message>
            <source>Advanced</source>
            <translation>高级</translation>
        </message>
        <message>
            <source>Keep the original's colors</source>
            <translation>保留原图颜色</translation>
        </message>
        <message>
            <source>Beside the originals</source>
            <translation>原文件旁边</translation>
        </message>
        <message>
            <source>Choose the folder for results</source>
            <translation>选择结果文件夹</translation>
        </message>
        <message>
            <source>How results are called; {name} is the original's name, {model} the model's. Empty: name.model beside originals, the same name in another folder.</source>
            <translation>结果的命名方式：{name} 为原名，{model} 为模型名。留空：在原文件旁用“名称.模型”，在其他文件夹中用原名。</translation>
        </message>
        <message>
            <source>Leave it, skip the file</source>
            <translation>保留，跳过该文件</translation>
        </message>
        <message>
            <source>Replace it</source>
            <translation>替换</translation>
        </message>
        <message>
            <source>Keep both</source>
            <translation>两者都保留</translation>
        </message>
        <message>
            <source>Count as failed</source>
            <translation>视为失败</translation>
        </message>
        <message>
            <source>Keep the size</source>
            <translation>保持尺寸</translation>
        </message>
        <message>
            <source>Automatic</source>
            <translation>自动</translation>
        </message>
        <message>
            <source>Film quality</source>
            <translation>影片质量</translation>
        </message>
        <message>
            <source>Processor</source>
            <translation>处理器</translation>
        </message>
        <message>
            <source>NVIDIA GPU</source>
            <translation>NVIDIA 显卡</translation>
        </message>
        <message>
            <source>Intel GPU</source>
            <translation>Intel 显卡</translation>
        </message>
        <message>
            <source>As the original</source>
            <translation>与原文件相同</translation>
        </message>
        <message>
            <source>Keep the sound</source>
            <translation>保留声音</translation>
        </message>
        <message>
            <source>The beginning</source>
            <translation>开头</translation>
        </message>
        <message>
            <source>The end</source>
            <translation>结尾</translation>
        </message>
        <message>
            <source>All</source>
            <translation>全部</translation>
        </message>
        <message>
            <source>Folder for results</source>
            <translation>结果文件夹</translation>
        </message>
        <message>
            <source>Brush</source>
            <translation>笔触</translation>
        </message>
        <message>
            <source>Strokes kept</source>
            <translation>保留笔触</translation>
        </message>
        <message>
            <source>As the model wants</source>
            <translation>按模型所需</translation>
        </message>
        <message>
            <source>Translate at a part of the size and bring the change back: broader strokes, sharp edges, less time</source>
            <translation>以较小尺寸转换，再把变化还原到原尺寸：笔触更宽，边缘清晰，耗时更少</translation>
        </message>
        <message>
            <source>How visible the brush strokes are with a broader brush</source>
            <translation>使用较宽笔触时保留多少笔触</translation>
        </message>
        <message>
            <source>Steady films</source>
            <translation>视频防闪烁</translation>
        </message>
        <message>
            <source>Off</source>
            <translation>关闭</translation>
        </message>
        <message>
            <source>Hold strokes still from frame to frame of films and animations</source>
            <translation>让视频和动画的笔触在帧与帧之间保持稳定</translation>
        </message>
        <message>
            <source>Translate HDR anyway</source>
            <translation>直接接受 HDR</translation>
        </message>
        <message>
            <source>Translate HDR pictures and films too; their colors come out dull</source>
            <translation>接受 HDR 图片和影片；颜色会变暗淡</translation>
        </message>
        <message>
            <source>Film codec</source>
            <translation>影片编码</translation>
        </message>
        <message>
            <source>Lower numbers give better quality and larger files</source>
            <translation>数值越小，质量越好，文件越大</translation>
        </message>
    </context>
    <context>
        <name>PreviewPanel</name>
        <message>
            <source>Fit</source>
            <translation>适合</translation>
        </message>
        <message>
            <source>Show the whole picture (0)</source>
            <translation>显示整张图片 (0)</translation>
        </message>
        <message>
            <source>1:1</source>
            <translation>1:1</translation>
        </message>
        <message>
            <source>Show every pixel (1)</source>
            <translation>按像素显示 (1)</translation>
        </message>
        <message>
            <source>Zoom in (+)</source>
            <translation>放大 (+)</translation>
        </message>
        <message>
            <source>Zoom out (-)</source>
            <translation>缩小 (-)</translation>
        </message>
        <message>
            <source>Select a file in the queue to see it before and after.</source>
            <translation>在队列中选择文件即可查看前后对比。</translation>
        </message>
        <message>
            <source>Reading {name} …</source>
            <translation>正在读取 {name}…</translation>
        </message>
        <message>
            <source>Preview is being made …</source>
            <translation>正在生成预览…</translation>
        </message>
        <message>
            <source>No preview</source>
            <translation>无预览</translation>
        </message>
        <message>
            <source>Translating …</source>
            <translation>正在转换…</translation>
        </message>
        <message>
            <source>Original</source>
            <translation>原图</translation>
        </message>
        <message>
            <source>Quick look; full resolution is on its way …</source>
            <translation>快速预览；正在生成完整分辨率…</translation>
        </message>
        <message>
            <source>Shown smaller than the result will be</source>
            <translation>显示尺寸小于实际结果</translation>
        </message>
        <message>
            <source>Full resolution, {size}</source>
            <translation>完整分辨率，{size}</translation>
        </message>
        <message>
            <source>Loop: {done} of {count} frames</source>
            <translation>循环：{done} / {count} 帧</translation>
        </message>
        <message>
            <source>Loop is being made …</source>
            <translation>正在生成循环…</translation>
        </message>
        <message>
            <source>Before and after in one picture, with a divider to drag</source>
            <translation>原图与结果叠放，用分隔线拖动比较</translation>
        </message>
        <message>
            <source>Before and after side by side</source>
            <translation>原图与结果并排显示</translation>
        </message>
        <message>
            <source>Hold for the original (Space)</source>
            <translation>按住显示原图（空格键）</translation>
        </message>
        <message>
            <source>Picture on the whole screen (F11, back with Esc)</source>
            <translation>全屏显示图片（F11，按 Esc 返回）</translation>
        </message>
        <message>
            <source>The result, {size}</source>
            <translation>成品，{size}</translation>
        </message>
    </context>
    <context>
        <name>QueueModel</name>
        <message>
            <source>File</source>
            <translation>文件</translation>
        </message>
        <message>
            <source>Kind</source>
            <translation>类型</translation>
        </message>
        <message>
            <source>Size</source>
            <translation>尺寸</translation>
        </message>
        <message>
            <source>Model</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>State</source>
            <translation>状态</translation>
        </message>
        <message>
            <source>Speed</source>
            <translation>速度</translation>
        </message>
        <message>
            <source>Time left</source>
            <translation>剩余时间</translation>
        </message>
        <message>
            <source>Film</source>
            <translation>影片</translation>
        </message>
        <message>
            <source>Picture</source>
            <translation>图片</translation>
        </message>
        <message>
            <source>{rate} fps</source>
            <translation>{rate} 帧/秒</translation>
        </message>
        <message>
            <source>Cannot be read</source>
            <translation>无法读取</translation>
        </message>
        <message>
            <source>Waiting</source>
            <translation>等待</translation>
        </message>
        <message>
            <source>Next</source>
            <translation>即将</translation>
        </message>
        <message>
            <source>Translating</source>
            <translation>转换中</translation>
        </message>
        <message>
            <source>Done</source>
            <translation>完成</translation>
        </message>
        <message>
            <source>Exists already</source>
            <translation>已存在</translation>
        </message>
        <message>
            <source>Failed</source>
            <translation>失败</translation>
        </message>
        <message>
            <source>Stopped</source>
            <translation>已停止</translation>
        </message>
        <message>
            <source>{model}, options of its own</source>
            <translation>{model}，使用单独的选项</translation>
        </message>
        <message>
            <source>Folder</source>
            <translation>文件夹</translation>
        </message>
        <message>
            <source>Partly done</source>
            <translation>部分完成</translation>
        </message>
    </context>
    <context>
        <name>QueueView</name>
        <message>
            <source>Queue</source>
            <translation>队列</translation>
        </message>
        <message>
            <source>Remove</source>
            <translation>移除</translation>
        </message>
        <message>
            <source>Move up</source>
            <translation>上移</translation>
        </message>
        <message>
            <source>Move down</source>
            <translation>下移</translation>
        </message>
        <message>
            <source>Try again</source>
            <translation>重试</translation>
        </message>
        <message>
            <source>Open result</source>
            <translation>打开结果</translation>
        </message>
        <message>
            <source>Show in folder</source>
            <translation>在文件夹中显示</translation>
        </message>
        <message>
            <source>Own model and options …</source>
            <translation>单独的模型与选项…</translation>
        </message>
        <message>
            <source>Use the page's model and options</source>
            <translation>使用页面的模型与选项</translation>
        </message>
        <message>
            <source>Copy the reason</source>
            <translation>复制原因</translation>
        </message>
        <message>
            <source>Drop photographs, films or folders here,
or press Add files.</source>
            <translation>将照片、影片或文件夹拖到这里，
或点击“添加文件”。</translation>
        </message>
        <message>
            <source>Again with</source>
            <translation>再用其他模型转换</translation>
        </message>
        <message>
            <source>Open the part that is done</source>
            <translation>打开已完成的部分</translation>
        </message>
    </context>
    <context>
        <name>SampleView</name>
        <message>
            <source>Samples: picture, translation and, where both ways are learned, translated back</source>
            <translation>样例：图片、转换，双向训练时还有转换回来的结果</translation>
        </message>
        <message>
            <source>Samples appear here while the model learns: each row a picture, its translation and, where both directions are learned, that translated back.</source>
            <translation>模型学习时样例会显示在此：每行依次为图片和转换结果；双向训练时还有再转换回来的结果。</translation>
        </message>
        <message>
            <source>back again</source>
            <translation>转换回来</translation>
        </message>
        <message>
            <source>Click for the full size</source>
            <translation>点击查看原始大小</translation>
        </message>
        <message>
            <source>Samples</source>
            <translation>样本</translation>
        </message>
    </context>
    <context>
        <name>SettingsPage</name>
        <message>
            <source>As the desktop</source>
            <translation>跟随系统</translation>
        </message>
        <message>
            <source>Light</source>
            <translation>浅色</translation>
        </message>
        <message>
            <source>Dark</source>
            <translation>深色</translation>
        </message>
        <message>
            <source>Window</source>
            <translation>窗口</translation>
        </message>
        <message>
            <source>Language</source>
            <translation>语言</translation>
        </message>
        <message>
            <source>Appearance</source>
            <translation>外观</translation>
        </message>
        <message>
            <source>Models</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>Show the model folder</source>
            <translation>打开模型文件夹</translation>
        </message>
        <message>
            <source>Model</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>Write in half precision</source>
            <translation>生成半精度模型</translation>
        </message>
        <message>
            <source>Half the size, for GPUs; checked against the full one, picture by picture</source>
            <translation>体积减半，适用于显卡；逐图与完整模型核对</translation>
        </message>
        <message>
            <source>Build engines</source>
            <translation>构建引擎</translation>
        </message>
        <message>
            <source>Compile the model for this computer's NVIDIA GPU now, not at the first use</source>
            <translation>现在就为此电脑的 NVIDIA 显卡编译模型，而非首次使用时</translation>
        </message>
        <message>
            <source>Progress</source>
            <translation>进度</translation>
        </message>
        <message>
            <source>Stop</source>
            <translation>停止</translation>
        </message>
        <message>
            <source>Caches</source>
            <translation>缓存</translation>
        </message>
        <message>
            <source>Being measured …</source>
            <translation>正在统计…</translation>
        </message>
        <message>
            <source>Clear the caches</source>
            <translation>清除缓存</translation>
        </message>
        <message>
            <source>Show the cache folder</source>
            <translation>打开缓存文件夹</translation>
        </message>
        <message>
            <source>Everything in them is made again when it is needed.</source>
            <translation>其中内容会在需要时重新生成。</translation>
        </message>
        <message>
            <source>thumbnails</source>
            <translation>缩略图</translation>
        </message>
        <message>
            <source>samples of models</source>
            <translation>模型样例</translation>
        </message>
        <message>
            <source>engines</source>
            <translation>引擎</translation>
        </message>
        <message>
            <source>measurements</source>
            <translation>测量结果</translation>
        </message>
        <message>
            <source>{size} in {folder}</source>
            <translation>{folder} 中共 {size}</translation>
        </message>
        <message>
            <source>Results</source>
            <translation>结果</translation>
        </message>
        <message>
            <source>Change …</source>
            <translation>更改…</translation>
        </message>
        <message>
            <source>Change the model folder</source>
            <translation>更改模型文件夹</translation>
        </message>
        <message>
            <source>As usual</source>
            <translation>恢复默认</translation>
        </message>
        <message>
            <source>Look for models in the usual folder again</source>
            <translation>重新使用默认的模型文件夹</translation>
        </message>
        <message>
            <source>Beside the originals</source>
            <translation>原文件旁边</translation>
        </message>
        <message>
            <source>Choose …</source>
            <translation>选择…</translation>
        </message>
        <message>
            <source>Nothing</source>
            <translation>不做任何事</translation>
        </message>
        <message>
            <source>Play a sound</source>
            <translation>播放提示音</translation>
        </message>
        <message>
            <source>Open the folder of results</source>
            <translation>打开结果文件夹</translation>
        </message>
        <message>
            <source>Suspend this computer</source>
            <translation>让电脑睡眠</translation>
        </message>
        <message>
            <source>They go to</source>
            <translation>保存到</translation>
        </message>
        <message>
            <source>When all is done</source>
            <translation>全部完成后</translation>
        </message>
        <message>
            <source>Used unless you choose another on the page Convert</source>
            <translation>当“转换”页没有另外指定时</translation>
        </message>
        <message>
            <source>The language changes as soon as the work that is going on is done.</source>
            <translation>正在进行的工作完成后，语言就会切换。</translation>
        </message>
        <message>
            <source>Folder for results</source>
            <translation>结果文件夹</translation>
        </message>
        <message>
            <source>Folder for models</source>
            <translation>模型文件夹</translation>
        </message>
    </context>
    <context>
        <name>TrainPage</name>
        <message>
            <source>From: pictures like yours</source>
            <translation>来源：与您的照片类似的图片</translation>
        </message>
        <message>
            <source>Drop a folder of photographs here</source>
            <translation>将照片文件夹拖到这里</translation>
        </message>
        <message>
            <source>To: what they should look like</source>
            <translation>目标：希望变成的样子</translation>
        </message>
        <message>
            <source>Drop a folder of paintings here</source>
            <translation>将绘画文件夹拖到这里</translation>
        </message>
        <message>
            <source>&amp;Start training</source>
            <translation>开始训练(&amp;S)</translation>
        </message>
        <message>
            <source>Continue a run …</source>
            <translation>继续以前的训练…</translation>
        </message>
        <message>
            <source>&amp;Pause</source>
            <translation>暂停(&amp;P)</translation>
        </message>
        <message>
            <source>Use this model now</source>
            <translation>立即使用此模型</translation>
        </message>
        <message>
            <source>Training progress</source>
            <translation>训练进度</translation>
        </message>
        <message>
            <source>Preset</source>
            <translation>预设</translation>
        </message>
        <message>
            <source>Passes (epochs)</source>
            <translation>遍历次数</translation>
        </message>
        <message>
            <source>Run's folder</source>
            <translation>训练文件夹</translation>
        </message>
        <message>
            <source>As the preset says</source>
            <translation>按预设</translation>
        </message>
        <message>
            <source>Learning on {device} in {precision}: the first numbers come soon …</source>
            <translation>正在 {device} 上以 {precision} 学习：数据即将显示…</translation>
        </message>
        <message>
            <source>Looking at the pictures: {done} of {total}</source>
            <translation>正在检查图片：{done} / {total}</translation>
        </message>
        <message>
            <source>Looking at the pictures …</source>
            <translation>正在检查图片…</translation>
        </message>
        <message>
            <source>Direction</source>
            <translation>方向</translation>
        </message>
        <message>
            <source>The run's folder</source>
            <translation>训练文件夹</translation>
        </message>
        <message>
            <source>Getting ready …</source>
            <translation>正在准备…</translation>
        </message>
        <message>
            <source>Saving a checkpoint …</source>
            <translation>正在保存检查点…</translation>
        </message>
        <message>
            <source>&amp;Go on</source>
            <translation>继续(&amp;G)</translation>
        </message>
        <message>
            <source>the processor</source>
            <translation>处理器</translation>
        </message>
        <message>
            <source>{seen} of {total} pictures · {speed} a second on {device} · {left} left</source>
            <translation>已看 {seen} / {total} 张 · 每秒 {speed} 张（{device}）· 剩余 {left}</translation>
        </message>
        <message>
            <source>About {time} on this computer: {count} pictures, {speed} a second.</source>
            <translation>在这台电脑上大约需要 {time}：共 {count} 张，每秒 {speed} 张。</translation>
        </message>
        <message>
            <source>The preset quick is made for less time.</source>
            <translation>预设 quick 用时更少。</translation>
        </message>
        <message>
            <source>Measuring how long it takes on this computer …</source>
            <translation>正在测量在这台电脑上需要多久…</translation>
        </message>
    </context>
    <context>
        <name>application</name>
        <message>
            <source>cgconv is open already, but does not answer.</source>
            <translation>cgconv 已经打开，但没有响应。</translation>
        </message>
    </context>
    <context>
        <name>self.queue</name>
        <message>
            <source>Picture</source>
            <translation>图片</translation>
        </message>
        <message>
            <source>Film</source>
            <translation>影片</translation>
        </message>
        <message>
            <source>Kind</source>
            <translation>类型</translation>
        </message>
        <message>
            <source>Model</source>
            <translation>模型</translation>
        </message>
        <message>
            <source>Exists already</source>
            <translation>已存在</translation>
        </message>
        <message>
            <source>Cannot be read</source>
            <translation>无法读取</translation>
        </message>
        <message>
            <source>Speed</source>
            <translation>速度</translation>
        </message>
        <message>
            <source>Time left</source>
            <translation>剩余时间</translation>
        </message>
        <message>
            <source>Folder</source>
            <translation>文件夹</translation>
        </message>
    </context>
    <context>
        <name>quantities</name>
        <message>
            <source>{seconds} s a picture</source>
            <translation>每张 {seconds} 秒</translation>
        </message>
        <message>
            <source>{count} pictures a second</source>
            <translation>每秒 {count} 张</translation>
        </message>
        <message numerus="yes">
            <source>%n minute(s)</source>
            <translation>
                <numerusform>%n 分钟</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n hour(s)</source>
            <translation>
                <numerusform>%n 小时</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n day(s)</source>
            <translation>
                <numerusform>%n 天</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>ImportDialog</name>
        <message>
            <source>Import {name}</source>
            <translation>导入 {name}</translation>
        </message>
        <message>
            <source>Name</source>
            <translation>名称</translation>
        </message>
        <message>
            <source>Values of its pictures</source>
            <translation>图片数值范围</translation>
        </message>
        <message>
            <source>Find out</source>
            <translation>自动判断</translation>
        </message>
        <message>
            <source>Blue comes first (BGR)</source>
            <translation>蓝色在前（BGR）</translation>
        </message>
        <message>
            <source>The only one</source>
            <translation>唯一的一个</translation>
        </message>
        <message>
            <source>Which generator</source>
            <translation>哪个生成器</translation>
        </message>
    </context>
    <context>
        <name>reasons</name>
        <message>
            <source>{path} is not a picture that can be read, or it is damaged</source>
            <translation>{path} 不是可读取的图片，或已损坏</translation>
        </message>
        <message>
            <source>{path} is empty</source>
            <translation>{path} 是空文件</translation>
        </message>
        <message>
            <source>{path} is damaged or cut off: {detail}</source>
            <translation>{path} 已损坏或不完整：{detail}</translation>
        </message>
        <message>
            <source>{path} exists already</source>
            <translation>{path} 已存在</translation>
        </message>
        <message>
            <source>{path}: this file is no longer there</source>
            <translation>{path}：文件已不存在</translation>
        </message>
        <message>
            <source>{path}: this is not a film that can be read</source>
            <translation>{path}：不是可读取的视频</translation>
        </message>
        <message>
            <source>{path}: there is no film in this file</source>
            <translation>{path}：文件中没有视频</translation>
        </message>
        <message>
            <source>{path}: this holds only sound, no film</source>
            <translation>{path}：只有声音，没有视频</translation>
        </message>
        <message>
            <source>{path}: no frame of this film can be decoded</source>
            <translation>{path}：视频中没有任何一帧可以解码</translation>
        </message>
        <message>
            <source>{path}: there is no frame between the given start and end</source>
            <translation>{path}：在指定的起止时间之间没有任何一帧</translation>
        </message>
        <message>
            <source>{path}: the disk is full, or the file may not grow further</source>
            <translation>{path}：磁盘已满，或文件不能再增大</translation>
        </message>
        <message>
            <source>{path}: no permission to write here</source>
            <translation>{path}：没有写入此处的权限</translation>
        </message>
        <message>
            <source>{path} cannot be written: {detail}</source>
            <translation>{path} 无法写入：{detail}</translation>
        </message>
        <message>
            <source>{path} is an HDR picture ({name}), and its colors would come out dull; convert it to SDR first, or take it as it is</source>
            <translation>{path} 是 HDR 图片（{name}），颜色会变暗淡；请先转换为 SDR，或原样接受</translation>
        </message>
        <message>
            <source>{path} does not fit into memory</source>
            <translation>{path} 太大，内存放不下</translation>
        </message>
        <message>
            <source>{path}: a web page saved under a model's name (download the file itself)</source>
            <translation>{path}：这是以模型名保存的网页（请下载文件本身）</translation>
        </message>
        <message>
            <source>there is already a model named {name}; remove it first or choose another name</source>
            <translation>已有名为 {name} 的模型；请先删除它或另取名称</translation>
        </message>
        <message>
            <source>{path}: cannot be written ({detail})</source>
            <translation>{path}：无法写入（{detail}）</translation>
        </message>
        <message>
            <source>{path}: damaged at {seconds} s; what could be decoded is kept ({frames})</source>
            <translation>{path}：在 {seconds} 秒处损坏；能解码的部分已保留（{frames}）</translation>
        </message>
    </context>
    <context>
        <name>StartActions</name>
        <message numerus="yes">
            <source>Everything in the queue is done. Translate %n file(s) again with {model}?</source>
            <translation>
                <numerusform>队列中的文件都已完成。要用 {model} 再次转换 %n 个文件吗？</numerusform>
            </translation>
        </message>
        <message>
            <source>The results that are there are kept; new ones get a number.</source>
            <translation>已有的结果会保留，新结果会加上编号。</translation>
        </message>
        <message>
            <source>Translate again</source>
            <translation>再次转换</translation>
        </message>
    </context>
    <context>
        <name>Closing</name>
        <message>
            <source>Work is going on. Stop it and close?</source>
            <translation>还有工作在进行。停止并关闭吗？</translation>
        </message>
        <message>
            <source>Stop and close</source>
            <translation>停止并关闭</translation>
        </message>
        <message>
            <source>Keep working</source>
            <translation>继续工作</translation>
        </message>
        <message numerus="yes">
            <source>%n file(s) still to translate: they stay in the queue for the next start.</source>
            <translation>
                <numerusform>还有 %n 个文件未转换，会留在队列中，下次继续。</numerusform>
            </translation>
        </message>
        <message>
            <source>{name} is {share} done; the finished part is kept, and it continues there.</source>
            <translation>{name} 已完成 {share}：已完成的部分会保留，下次从那里继续。</translation>
        </message>
        <message>
            <source>The training saves its state first; “Continue a run …” goes on from there.</source>
            <translation>训练会先保存状态，之后可用“继续以前的训练…”接着进行。</translation>
        </message>
        <message>
            <source>The training is saving its state …</source>
            <translation>训练正在保存状态…</translation>
        </message>
        <message>
            <source>It finishes its current step first. Then the window closes by itself.</source>
            <translation>它会先完成当前这一步，窗口随后自动关闭。</translation>
        </message>
        <message>
            <source>Close without saving</source>
            <translation>不保存直接关闭</translation>
        </message>
        <message>
            <source>Keep the window open</source>
            <translation>不关闭窗口</translation>
        </message>
    </context>
    <context>
        <name>FilmRow</name>
        <message>
            <source>Place in the film</source>
            <translation>影片位置</translation>
        </message>
        <message>
            <source>Begin the translation here</source>
            <translation>从此处开始转换</translation>
        </message>
        <message>
            <source>End the translation here</source>
            <translation>转换到此处为止</translation>
        </message>
        <message>
            <source>Translate the whole film</source>
            <translation>转换整部影片</translation>
        </message>
        <message>
            <source>Translate three seconds from here, small, and play them over and over</source>
            <translation>从此处以小尺寸转换三秒并循环播放</translation>
        </message>
    </context>
    <context>
        <name>Curves</name>
        <message>
            <source>Curves appear here: how far the model is from what it is to learn.</source>
            <translation>曲线显示在这里：模型离学习目标还有多远。</translation>
        </message>
        <message>
            <source>pictures seen</source>
            <translation>已看过的图片</translation>
        </message>
        <message>
            <source>loss</source>
            <translation>损失</translation>
        </message>
    </context>
    <context>
        <name>FindingsView</name>
        <message>
            <source>What was found in the folders</source>
            <translation>文件夹检查结果</translation>
        </message>
        <message>
            <source>{a} and {b} pictures.</source>
            <translation>{a} 张和 {b} 张图片。</translation>
        </message>
        <message>
            <source>Preset {name}: {reason}.</source>
            <translation>预设 {name}：{reason}。</translation>
        </message>
    </context>
    <context>
        <name>curves</name>
        <message>
            <source>total error (goes down at first)</source>
            <translation>总和（开始时下降）</translation>
        </message>
        <message>
            <source>fooling the discriminator, forward</source>
            <translation>骗过评判者（正向）</translation>
        </message>
        <message>
            <source>fooling the discriminator, backward</source>
            <translation>骗过评判者（反向）</translation>
        </message>
        <message>
            <source>difference after translating forward and back again</source>
            <translation>去而复返的损失</translation>
        </message>
        <message>
            <source>difference after translating backward and forward again</source>
            <translation>反向去而复返的损失</translation>
        </message>
        <message>
            <source>not changing pictures already in the target style</source>
            <translation>不改本来就对的图片</translation>
        </message>
        <message>
            <source>not changing pictures already in the target style, backward</source>
            <translation>不改本来就对的图片（反向）</translation>
        </message>
        <message>
            <source>not changing pictures already in the target style, forward</source>
            <translation>不改本来就对的图片（正向）</translation>
        </message>
        <message>
            <source>keeping the layout of the picture</source>
            <translation>保持内容的位置</translation>
        </message>
        <message>
            <source>keeping the layout of pictures already in the target style</source>
            <translation>本来就对的图片中保持内容的位置</translation>
        </message>
        <message>
            <source>keeping the light</source>
            <translation>保持明暗</translation>
        </message>
        <message>
            <source>color that changes in patches</source>
            <translation>颜色均匀</translation>
        </message>
        <message>
            <source>distance from the wanted picture</source>
            <translation>与目标图片的距离</translation>
        </message>
        <message>
            <source>the discriminator's error</source>
            <translation>评判者的错误</translation>
        </message>
        <message>
            <source>the discriminator's error, backward</source>
            <translation>评判者的错误（反向）</translation>
        </message>
        <message>
            <source>the discriminator's error, forward</source>
            <translation>评判者的错误（正向）</translation>
        </message>
    </context>
    <context>
        <name>findings</name>
        <message>
            <source>{count} pictures cannot be read.</source>
            <translation>有 {count} 张图片无法读取。</translation>
        </message>
        <message>
            <source>The training leaves them out; repair or remove them.</source>
            <translation>训练会跳过它们；请修复或移除。</translation>
        </message>
        <message>
            <source>{folder} has few pictures: {count}.</source>
            <translation>{folder} 的图片很少：{count} 张。</translation>
        </message>
        <message>
            <source>A few hundred of each kind are a good start.</source>
            <translation>每类几百张是个好的开始。</translation>
        </message>
        <message>
            <source>One folder has many more pictures than the other.</source>
            <translation>一个文件夹的图片比另一个多得多。</translation>
        </message>
        <message>
            <source>Those of the smaller one are seen many times; that is fine.</source>
            <translation>较少的那一类会被反复看到，这没有问题。</translation>
        </message>
        <message>
            <source>{count} pictures are in both folders.</source>
            <translation>有 {count} 张图片同时在两个文件夹中。</translation>
        </message>
        <message>
            <source>They teach the model to change nothing; keep each in one folder.</source>
            <translation>它们会让模型学会什么也不改；每张只留在一个文件夹。</translation>
        </message>
        <message>
            <source>{count} pictures look the same in both folders.</source>
            <translation>两个文件夹中有 {count} 张图片看起来相同。</translation>
        </message>
        <message>
            <source>{count} pictures are in training and test folders.</source>
            <translation>有 {count} 张图片同时在训练和测试文件夹中。</translation>
        </message>
        <message>
            <source>Test scores will look better than they really are.</source>
            <translation>测试图片上的数字会偏好。</translation>
        </message>
        <message>
            <source>{count} pictures look the same in training and test.</source>
            <translation>训练和测试中有 {count} 张图片看起来相同。</translation>
        </message>
        <message>
            <source>{folder} has {count} pictures more than once.</source>
            <translation>{folder} 有 {count} 张重复的图片。</translation>
        </message>
        <message>
            <source>Keep one of each: what is there twice is learned twice.</source>
            <translation>每张只留一份：重复的会被多学一遍。</translation>
        </message>
        <message>
            <source>{folder} has {count} pictures that look like another one.</source>
            <translation>{folder} 有 {count} 张图片与其他图片看起来相同。</translation>
        </message>
        <message>
            <source>{folder} has {count} pictures of one color, without content.</source>
            <translation>{folder} 有 {count} 张只有一种颜色、没有内容的图片。</translation>
        </message>
        <message>
            <source>Remove them.</source>
            <translation>请移除。</translation>
        </message>
        <message>
            <source>{folder} has {count} pictures that are nearly black when read.</source>
            <translation>{folder} 有 {count} 张读出后几乎全黑的图片。</translation>
        </message>
        <message>
            <source>Save them brightened to the full range of 16 bits.</source>
            <translation>请提亮到完整的 16 位范围后保存。</translation>
        </message>
        <message>
            <source>{folder} has {count} gray pictures among colored ones.</source>
            <translation>{folder} 的彩色图片中有 {count} 张灰度图片。</translation>
        </message>
        <message>
            <source>Remove them, or colors come and go in the translation.</source>
            <translation>请移除，否则转换结果的颜色会时有时无。</translation>
        </message>
        <message>
            <source>{folder} is gray throughout.</source>
            <translation>{folder} 全部是灰度图片。</translation>
        </message>
        <message>
            <source>{folder} has {count} very small pictures.</source>
            <translation>{folder} 有 {count} 张很小的图片。</translation>
        </message>
        <message>
            <source>Remove them: enlarged, they teach the model to blur.</source>
            <translation>放大后会让模型学会模糊：请移除。</translation>
        </message>
        <message>
            <source>{folder} has {count} small pictures.</source>
            <translation>{folder} 有 {count} 张小图片。</translation>
        </message>
        <message>
            <source>They are enlarged for the training.</source>
            <translation>训练时会放大。</translation>
        </message>
        <message>
            <source>{count} pictures have the same name and size in both folders.</source>
            <translation>两个文件夹中有 {count} 张图片同名且同样大小。</translation>
        </message>
        <message>
            <source>If they show the same scene, the preset pix2pix learns more from them.</source>
            <translation>如果它们是同一场景，预设 pix2pix 能学到更多。</translation>
        </message>
        <message>
            <source>The two folders hardly share colors.</source>
            <translation>两个文件夹的颜色几乎没有共同之处。</translation>
        </message>
        <message>
            <source>The translation will shift all colors.</source>
            <translation>转换会改变所有颜色。</translation>
        </message>
        <message>
            <source>the pictures come in pairs</source>
            <translation>图片是成对的</translation>
        </message>
        <message>
            <source>there is no NVIDIA GPU here, and the others take days on a processor</source>
            <translation>这里没有 NVIDIA 显卡，其他预设用处理器要好几天</translation>
        </message>
        <message>
            <source>it is made for few pictures</source>
            <translation>它适合图片较少的情况</translation>
        </message>
        <message>
            <source>the pictures are small</source>
            <translation>图片较小</translation>
        </message>
        <message>
            <source>there are enough pictures for the original settings</source>
            <translation>图片足够按论文的方式训练</translation>
        </message>
        <message>
            <source>and {count} more</source>
            <translation>以及另外 {count} 个</translation>
        </message>
    </context>
    <context>
        <name>possible</name>
        <message>
            <source>This computer does not have one.</source>
            <translation>这台电脑上没有。</translation>
        </message>
        <message>
            <source>It is not installed here.</source>
            <translation>这里没有安装。</translation>
        </message>
        <message>
            <source>{container} films cannot hold {codec}.</source>
            <translation>{container} 影片不能使用 {codec} 编码。</translation>
        </message>
        <message>
            <source>{backend} cannot run on this: {device}.</source>
            <translation>{backend} 不能在此设备上计算：{device}。</translation>
        </message>
        <message>
            <source>{backend} cannot run in {precision}.</source>
            <translation>{backend} 不能用 {precision} 计算。</translation>
        </message>
        <message>
            <source>This cannot run in {precision}: {device}.</source>
            <translation>此设备不能用 {precision} 计算：{device}。</translation>
        </message>
        <message>
            <source>{backend} cannot run in {precision} on this: {device}.</source>
            <translation>{backend} 在此设备上不能用 {precision} 计算：{device}。</translation>
        </message>
        <message>
            <source>The file name must contain {place}.</source>
            <translation>名称：其中必须有 {place}。</translation>
        </message>
        <message>
            <source>Name: it must not contain {signs}</source>
            <translation>名称：不能含有 {signs}</translation>
        </message>
        <message>
            <source>The end time is before the start time.</source>
            <translation>影片片段的结尾早于开头。</translation>
        </message>
    </context>
    <context>
        <name>AboutDialog</name>
        <message>
            <source>About cgconv</source>
            <translation>关于 cgconv</translation>
        </message>
        <message>
            <source>Learns to turn pictures of one kind into another, and translates pictures and films.</source>
            <translation>学习把一类图片变成另一类，并转换图片和影片。</translation>
        </message>
        <message>
            <source>Open folder</source>
            <translation>打开文件夹</translation>
        </message>
        <message>
            <source>Licenses</source>
            <translation>许可证</translation>
        </message>
    </context>
    <context>
        <name>HelpWindow</name>
        <message>
            <source>Help for cgconv</source>
            <translation>cgconv 帮助</translation>
        </message>
        <message>
            <source>Topics</source>
            <translation>主题</translation>
        </message>
        <message>
            <source>Keys</source>
            <translation>快捷键</translation>
        </message>
        <message>
            <source>Help</source>
            <translation>帮助</translation>
        </message>
        <message>
            <source>Move the line between before and after</source>
            <translation>移动前后对比的分界线</translation>
        </message>
        <message>
            <source>Zoom in the picture, and out</source>
            <translation>放大、缩小图片</translation>
        </message>
        <message>
            <source>The whole picture</source>
            <translation>显示整张图片</translation>
        </message>
        <message>
            <source>Every pixel of the picture</source>
            <translation>显示每个像素</translation>
        </message>
        <message>
            <source>Space</source>
            <translation>空格</translation>
        </message>
        <message>
            <source>Hold for the original</source>
            <translation>按住以查看原图</translation>
        </message>
    </context>
    <context>
        <name>Menus</name>
        <message>
            <source>&amp;File</source>
            <translation>文件(&amp;F)</translation>
        </message>
        <message>
            <source>&amp;Queue</source>
            <translation>队列(&amp;Q)</translation>
        </message>
        <message>
            <source>&amp;View</source>
            <translation>查看(&amp;V)</translation>
        </message>
        <message>
            <source>&amp;Help</source>
            <translation>帮助(&amp;H)</translation>
        </message>
        <message>
            <source>Add files …</source>
            <translation>添加文件…</translation>
        </message>
        <message>
            <source>Add folder …</source>
            <translation>添加文件夹…</translation>
        </message>
        <message>
            <source>Import a model …</source>
            <translation>导入模型…</translation>
        </message>
        <message>
            <source>Quit</source>
            <translation>退出</translation>
        </message>
        <message>
            <source>Start, or go on</source>
            <translation>开始或继续</translation>
        </message>
        <message>
            <source>Pause</source>
            <translation>暂停</translation>
        </message>
        <message>
            <source>Cancel</source>
            <translation>取消</translation>
        </message>
        <message>
            <source>Clear finished</source>
            <translation>清除已完成</translation>
        </message>
        <message>
            <source>Show only what failed</source>
            <translation>只显示失败的</translation>
        </message>
        <message>
            <source>Queue as a table</source>
            <translation>以表格显示队列</translation>
        </message>
        <message>
            <source>Before and after side by side</source>
            <translation>前后并排</translation>
        </message>
        <message>
            <source>Help</source>
            <translation>帮助</translation>
        </message>
        <message>
            <source>Keys</source>
            <translation>快捷键</translation>
        </message>
        <message>
            <source>About cgconv</source>
            <translation>关于 cgconv</translation>
        </message>
    </context>
    <context>
        <name>help</name>
        <message>
            <source>A folder of photographs as Monet</source>
            <translation>把一个文件夹的照片变成莫奈风格</translation>
        </message>
        <message>
            <source>Drag the folder from your file manager onto the window, or press {add_folder}.</source>
            <translation>从文件管理器把文件夹拖到窗口上，或按{add_folder}。</translation>
        </message>
        <message>
            <source>In the strip below the picture, click the sample that is called Monet.</source>
            <translation>在图片下方的一排样图中，点击名为 Monet 的那一个。</translation>
        </message>
        <message>
            <source>Move {strength} and {brush}; the picture in the middle shows what they do.</source>
            <translation>调整{strength}和{brush}，中间的图片会显示效果。</translation>
        </message>
        <message>
            <source>Press {start}.</source>
            <translation>按{start}。</translation>
        </message>
        <message>
            <source>The results lie in a new folder beside yours: holiday becomes holiday-monet. Your own pictures are never changed.</source>
            <translation>结果在原文件夹旁边的新文件夹里：holiday 变成 holiday-monet。原来的图片不会被改动。</translation>
        </message>
        <message>
            <source>Drag the line in the picture to see before and after. The wheel zooms, Space shows the original.</source>
            <translation>拖动图片中的分界线可对比前后。滚轮缩放，空格显示原图。</translation>
        </message>
        <message>
            <source>Only the second half of a film</source>
            <translation>只转换影片的后半段</translation>
        </message>
        <message>
            <source>Add the film and click it in the list at the left.</source>
            <translation>添加影片，然后在左侧列表中点击它。</translation>
        </message>
        <message>
            <source>Below the picture, drag the slider to the middle of the film.</source>
            <translation>在图片下方，把滑块拖到影片中间。</translation>
        </message>
        <message>
            <source>Press the left bracket beside it: {begin_here}.</source>
            <translation>按旁边的左括号：{begin_here}。</translation>
        </message>
        <message>
            <source>Press {start}. The result holds that half, with its sound.</source>
            <translation>按{start}。结果就是这一半，并带有声音。</translation>
        </message>
        <message>
            <source>The right bracket ({end_here}) sets where to stop; the arrow takes the whole film again.</source>
            <translation>右括号（{end_here}）设定结束位置；箭头恢复为整部影片。</translation>
        </message>
        <message>
            <source>The part is set for this film only; a mark in the list shows that.</source>
            <translation>这个片段只对该影片有效：列表中会有标记。</translation>
        </message>
        <message>
            <source>Two models on one picture</source>
            <translation>一张图片用两个模型</translation>
        </message>
        <message>
            <source>Add the picture, click the first model and press {start}.</source>
            <translation>添加图片，点击第一个模型，然后按{start}。</translation>
        </message>
        <message>
            <source>Click the picture in the list with the right mouse button, choose {again_with}, and the other model.</source>
            <translation>在列表中用鼠标右键点击图片，选择{again_with}，再选另一个模型。</translation>
        </message>
        <message>
            <source>Press {start} again.</source>
            <translation>再按一次{start}。</translation>
        </message>
        <message>
            <source>Both results lie beside the picture, with the model in their names.</source>
            <translation>两个结果都在图片旁边，文件名中含有模型名。</translation>
        </message>
        <message>
            <source>You can do both before the first {start}, too: then both are made in one go.</source>
            <translation>也可以在第一次按{start}之前就都设好，这样会一次完成。</translation>
        </message>
        <message>
            <source>A model from a file</source>
            <translation>从文件导入模型</translation>
        </message>
        <message>
            <source>Drag the file (its name ends in .onnx or .pth) onto the window, or press {import_model}.</source>
            <translation>把文件（名称以 .onnx 或 .pth 结尾）拖到窗口上，或按{import_model}。</translation>
        </message>
        <message>
            <source>If cgconv cannot find something out, it asks; Enter accepts the suggested answer.</source>
            <translation>如果有无法自动得知的内容，会向您询问；按回车接受已填好的值。</translation>
        </message>
        <message>
            <source>It stands in the strip of models now. Click it and press {start}.</source>
            <translation>它现在出现在模型样图中。点击它，然后按{start}。</translation>
        </message>
        <message>
            <source>If it is refused, the sentence at the bottom of the window says why. Take model files only from people you trust.</source>
            <translation>如果被拒绝，窗口底部会说明原因。请只使用您信任的人提供的模型文件。</translation>
        </message>
        <message>
            <source>{about_model} says what is known of a model, its license too.</source>
            <translation>{about_model}显示模型的已知信息，包括许可证。</translation>
        </message>
        <message>
            <source>Teach a model overnight</source>
            <translation>让模型学习一整夜</translation>
        </message>
        <message>
            <source>Go to {train} (Ctrl+2).</source>
            <translation>转到{train} (Ctrl+2)。</translation>
        </message>
        <message>
            <source>Drag a folder of photographs onto {from_box}, one of paintings onto {to_box}.</source>
            <translation>把照片文件夹拖到{from_box}，把绘画文件夹拖到{to_box}。</translation>
        </message>
        <message>
            <source>Read how long it will take. If that is more than a night, pick a shorter {preset}: quick is made for computers without a graphics card.</source>
            <translation>看看需要多久。如果超过一夜，请选择更短的{preset}：quick 适合没有显卡的电脑。</translation>
        </message>
        <message>
            <source>Press {start_training} and let the computer stay on.</source>
            <translation>按{start_training}，让电脑保持开机。</translation>
        </message>
        <message>
            <source>In the morning press {use_now}: the model stands among the others.</source>
            <translation>早上按{use_now}：模型就会出现在其他模型之中。</translation>
        </message>
        <message>
            <source>A hundred pictures in each folder are few, a thousand are good.</source>
            <translation>每个文件夹一百张图片偏少，一千张较好。</translation>
        </message>
        <message>
            <source>{pause_training} saves everything, and so does closing the window. {continue_run} goes on another night.</source>
            <translation>{pause_training}会保存一切，关闭窗口也会。{continue_run}可以在另一晚接着学习。</translation>
        </message>
        <message>
            <source>A file that failed</source>
            <translation>失败的文件</translation>
        </message>
        <message>
            <source>Click the file that says {failed} or {no_read}. The reason stands below the list; {copy} takes it along. The triangle below the list shows only such files.</source>
            <translation>点击显示{failed}或{no_read}的文件。原因在列表下方；{copy}可以复制它。列表下方的三角形只显示这类文件。</translation>
        </message>
        <message>
            <source>Put right what it says: take another copy of the file, make room on the disk.</source>
            <translation>按提示解决：换一份文件，或腾出磁盘空间。</translation>
        </message>
        <message>
            <source>Press {try_again}, then {start}. {start} alone retries every failed file.</source>
            <translation>按{try_again}，再按{start}。只按{start}会重试所有失败的文件。</translation>
        </message>
        <message>
            <source>{partly}: the film is damaged. What is before the damage was translated; press Enter to open it.</source>
            <translation>{partly}：影片已损坏。损坏之前的部分已转换；按回车打开。</translation>
        </message>
        <message>
            <source>The page {log} has everything that was said, with the time.</source>
            <translation>{log}页面有全部消息和时间。</translation>
        </message>
        <message>
            <source>Results as JPEG of quality 90, in another folder</source>
            <translation>以质量 90 的 JPEG 保存到另一个文件夹</translation>
        </message>
        <message>
            <source>At the right, press … beside {results_go_to} and choose the folder.</source>
            <translation>在右侧，按{results_go_to}旁边的 …，选择文件夹。</translation>
        </message>
        <message>
            <source>Press {advanced} below it.</source>
            <translation>按下方的{advanced}。</translation>
        </message>
        <message>
            <source>Set {picture_format} to JPEG and {quality} to 90 %.</source>
            <translation>把{picture_format}设为 JPEG，{quality}设为 90 %。</translation>
        </message>
        <message>
            <source>This stays so until you change it; save it as a preset to come back to it with two clicks.</source>
            <translation>设置会一直保留到您更改为止；存为预设，点两下就能恢复。</translation>
        </message>
        <message>
            <source>中文 · Chinese, English</source>
            <translation>中文 · Chinese, English</translation>
        </message>
        <message>
            <source>Go to {settings} (Ctrl+3).</source>
            <translation>转到{settings} (Ctrl+3)。</translation>
        </message>
        <message>
            <source>Under {language} choose 简体中文 or English.</source>
            <translation>在{language}下选择 简体中文 或 English。</translation>
        </message>
        <message>
            <source>要使用中文：按 Ctrl+3，在第一个列表中选择“简体中文”。</source>
            <translation>要使用中文：按 Ctrl+3，在第一个列表中选择“简体中文”。</translation>
        </message>
    </context>
    <context>
        <name>DescribeDialog</name>
        <message>
            <source>Rename and describe {name}</source>
            <translation>重命名并描述 {name}</translation>
        </message>
        <message>
            <source>photo → painting</source>
            <translation>照片 → 绘画</translation>
        </message>
        <message>
            <source>Name</source>
            <translation>名称</translation>
        </message>
        <message>
            <source>Title</source>
            <translation>标题</translation>
        </message>
        <message>
            <source>What it does</source>
            <translation>用途</translation>
        </message>
        <message>
            <source>The name is the file's, also for --model; title and direction are stored in the file.</source>
            <translation>名称是文件名，也是 --model 使用的名称；标题和用途保存在文件里。</translation>
        </message>
    </context>
    <context>
        <name>ImportActions</name>
        <message>
            <source>Looking at {name} …</source>
            <translation>正在查看 {name}…</translation>
        </message>
        <message>
            <source>There is already a model named {name}. Replace it, or keep both and call this one {free}?</source>
            <translation>已有名为 {name} 的模型。替换它，还是两个都保留，把这个命名为 {free}？</translation>
        </message>
        <message>
            <source>{name} is in the gallery.</source>
            <translation>{name} 已在模型库中。</translation>
        </message>
        <message>
            <source>{name} is still being imported; its import will be lost.</source>
            <translation>{name} 仍在导入，届时不会出现。</translation>
        </message>
        <message>
            <source>The worker stopped unexpectedly; the log says more.</source>
            <translation>工作进程意外停止；详情见日志。</translation>
        </message>
    </context>
    <context>
        <name>ImportRow</name>
        <message>
            <source>Progress of {name}</source>
            <translation>{name} 的进度</translation>
        </message>
        <message>
            <source>Replace it</source>
            <translation>替换</translation>
        </message>
        <message>
            <source>Keep both</source>
            <translation>两个都保留</translation>
        </message>
        <message>
            <source>Give more details and try again …</source>
            <translation>补充说明后重试…</translation>
        </message>
        <message>
            <source>Cancel</source>
            <translation>取消</translation>
        </message>
        <message>
            <source>Waits for its turn</source>
            <translation>等待中</translation>
        </message>
        <message>
            <source>Is being read and tried out …</source>
            <translation>正在读取并试用…</translation>
        </message>
        <message>
            <source>Left out</source>
            <translation>已跳过</translation>
        </message>
    </context>
    <context>
        <name>ImportsDialog</name>
        <message>
            <source>Import models</source>
            <translation>导入模型</translation>
        </message>
        <message numerus="yes">
            <source>%n imported</source>
            <translation>
                <numerusform>已导入 %n 个</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n failed</source>
            <translation>
                <numerusform>%n 个失败</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n to be answered</source>
            <translation>
                <numerusform>%n 个待回答</numerusform>
            </translation>
        </message>
        <message numerus="yes">
            <source>%n to go</source>
            <translation>
                <numerusform>还剩 %n 个</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>SettingsActions</name>
        <message>
            <source>The models in {folder} stay there.</source>
            <translation>{folder} 中的模型保留在原处。</translation>
        </message>
        <message>
            <source>The environment variable CGCONV_MODELS sets this folder and overrides the choice made here.</source>
            <translation>由环境变量 CGCONV_MODELS 指定，优先于此处的选择。</translation>
        </message>
    </context>
    <context>
        <name>SuspendDialog</name>
        <message>
            <source>Everything is done.</source>
            <translation>全部完成。</translation>
        </message>
        <message>
            <source>Suspend now</source>
            <translation>立即睡眠</translation>
        </message>
        <message>
            <source>Stay awake</source>
            <translation>保持唤醒</translation>
        </message>
        <message numerus="yes">
            <source>This computer is suspended in %n second(s).</source>
            <translation>
                <numerusform>电脑将在 %n 秒后睡眠。</numerusform>
            </translation>
        </message>
    </context>
    <context>
        <name>built-in presets</name>
        <message>
            <source>Defaults</source>
            <translation>默认</translation>
        </message>
        <message>
            <source>Every option as it was in the beginning</source>
            <translation>所有选项恢复初始值</translation>
        </message>
        <message>
            <source>Sharing on a phone</source>
            <translation>手机分享</translation>
        </message>
        <message>
            <source>JPEG, and MP4 with H.264: small, and every phone opens them</source>
            <translation>JPEG，以及 H.264 的 MP4：体积小，任何手机都能打开</translation>
        </message>
        <message>
            <source>Archive without loss</source>
            <translation>无损存档</translation>
        </message>
        <message>
            <source>PNG, and Matroska with FFV1: every pixel as it was computed; large</source>
            <translation>PNG，以及 FFV1 的 Matroska：像素与计算结果完全一致；体积大</translation>
        </message>
        <message>
            <source>Quick look</source>
            <translation>快速预览</translation>
        </message>
        <message>
            <source>480 px on the shorter side, without sound: soon done, to judge by</source>
            <translation>短边 480 像素，无声音：很快完成，供判断效果</translation>
        </message>
        <message>
            <source>Film master</source>
            <translation>影片母版</translation>
        </message>
        <message>
            <source>QuickTime with ProRes in 10 bits, and TIFF: for cutting; large</source>
            <translation>10 位 ProRes 的 QuickTime，以及 TIFF：用于剪辑；体积大</translation>
        </message>
    </context>
</TS>
